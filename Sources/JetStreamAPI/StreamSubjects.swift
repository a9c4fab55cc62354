import Bytes
import Subjects

extension StreamConfiguration {
  /// Checks the subjects; a stream that copies from nobody listens to its name by default (FEATURES 5.003).
  mutating func fillSubjects() throws(JetStreamError) {
    if subjects.isEmpty {
      if mirror == nil, sources.isEmpty { subjects = [name] }
      return
    }
    if mirror != nil { throw .mirrorWithSubjects }
    var seen: Set<String> = []
    for (index, subject) in subjects.enumerated() {
      if !Subject.isValid(subject) { throw .invalid("invalid subject") }
      if seen.contains(subject) { throw .invalid("duplicate subjects detected") }
      try checkReserved(subject)
      for other in subjects[(index + 1)...] where Subject.collide(other, subject) {
        throw .invalid("subject \(GoString.quote(subject)) overlaps with \(GoString.quote(other))")
      }
      seen.insert(subject)
    }
  }

  private func checkReserved(_ subject: String) throws(JetStreamError) {
    if subject == ">" {
      if !noAcknowledgement { throw .invalid("capturing all subjects requires no-ack to be true") }
      if replicas != 1 { throw .invalid("capturing all subjects requires replicas of 1") }
    }
    guard !noAcknowledgement else { return }
    for space in ["$JS.>", "$JSC.>", "$NRG.>"] where Subject.collide(subject, space) {
      if !Subject.isSubset(subject, of: "$JS.EVENT.>") {
        throw .invalid("subjects that overlap with jetstream api require no-ack to be true")
      }
    }
    if Subject.collide(subject, "$SYS.>"), !Subject.isSubset(subject, of: "$SYS.ACCOUNT.>") {
      throw .invalid("subjects that overlap with system api require no-ack to be true")
    }
  }
}
