export const HELP = `Judges a server by the rules of the Tachikoma protocol, from outside.

Usage: tachikoma-conformance ws://HOST:PORT/ws [ws://OTHER-NODE/ws ...] [options]

  --token TOKEN         a token that opens the server for all channels (or TACHIKOMA_TOKEN)
  --profile FILE        what the server has beyond the protocol: handlers, namespaces, limits, hooks
  --provide NAME=VALUE  one more thing that the server has; may be repeated
  --namespace NAME      namespace of channels in which everything is allowed [conformance]
  --http URL            where the server speaks HTTP, if not at the same host and port
  --spread              with several addresses: each next connection goes to the next node, in all cases
  --only NAMES          only these families, rules or cases: RES-,DEL-4,HS-1.2
  --timeout-ms N        time for each wait [5000]
  --jobs N              cases that run side by side [16]
  --json [FILE]         writes the report as JSON, without FILE to standard output
  --verbose             shows all that passed on the connections of a failed case
  --list                lists the cases and runs none; with --json for programs
  --requirements        lists what a profile can say
  --help, --version

A case whose requirements the server does not meet is "not applicable", never passed. A ready server and its profile are in the
folder "fixture" of this package.

Exit codes: 0 everything that applies passed, 1 something failed, 2 wrong usage or no server, 130 interrupted.
`;
