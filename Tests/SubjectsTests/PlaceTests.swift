import Testing

@testable import Subjects
