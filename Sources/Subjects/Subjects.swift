// What a subject is and who listens to it: the syntax rules, the index from subjects to subscriptions
// (`SubscriptionIndex`), and the rewriting of subjects (`SubjectTransform`, `AccountMapping`).
//
// Not here: connections, permissions of users, delivery (Broker), parsing of protocol lines (Wire).

/// `.` between two tokens.
let separatorByte: UInt8 = 0x2E
/// `*`, one whole token.
let starByte: UInt8 = 0x2A
/// `>`, one or more trailing tokens.
let tailByte: UInt8 = 0x3E
