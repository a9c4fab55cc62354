// Streams, consumers and the API that manages them. The rules are pure: `Streams/` decides what a publish means,
// `Consumers/` whom a message goes to and when again; `Service/` carries that out on the server's loops with a journal
// and stores. `Sourcing/` copies from other streams: mirrors and sources.
