/// Wire: the text protocols of NATS as bytes.
///
/// Here live the verbs, the arguments of each line and their limits, header blocks, and what the server writes back.
/// Nothing here knows connections or accounts. Client lines are here; routes, gateways and leaf nodes join them.
public enum Wire {}
