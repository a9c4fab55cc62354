/// Help and version texts.
enum Usage {
  /// The first line is what tools read; ours follows (FEATURES 3.022).
  static let version = """
    \(Launch.programName): v\(Version.compatibleServer)
    natsd: v\(Version.natsd)

    """

  static let text = """

    Usage: natsd [options]      (every flag works with one dash or two)

    Server:
        -a, --addr, --net <host>         Address to listen on for clients (default: 0.0.0.0)
        -p, --port <port>                Port to listen on for clients (default: 4222, -1 for any)
        -n, --name
            --server_name <name>         Name of the server (default: its identifier)
        -P, --pid <file>                 File that receives the process identifier
        -m, --http_port <port>           Port for monitoring over HTTP
        -ms,--https_port <port>          Port for monitoring over HTTPS
        -c, --config <file>              Configuration file
        -t                               Check the configuration file and exit
        -sl,--signal <signal>[=<pid>]    Signal a running server (ldm, stop, quit, term, reopen, reload);
                                         <pid> is a process identifier, the beginning of one and *, or a pid file
            --client_advertise <string>  Address that clients are told to connect to
            --ports_file_dir <dir>       Directory for a file that lists the ports (<program>_<pid>.ports)

    Logging:
        -l, --log <file>                 File to log to (default: standard error)
        -T, --logtime                    Time stamps in log lines (default: true)
            --logtime_utc                Time stamps in UTC (default: local time)
        -s, --syslog                     Log to syslog
        -r, --remote_syslog <addr>       Log to a syslog server (udp://localhost:514)
        -D, --debug                      Log debug messages
        -V, --trace                      Log the protocol
        -VV                              Log the protocol, the system account's too
        -DV                              Debug and trace
        -DVV                             Debug and trace, the system account's too
            --log_size_limit <bytes>     Size at which the log file is rotated (default: never)
            --max_traced_msg_len <len>   Longest message in traces (default: unlimited)

    JetStream:
        -js,--jetstream                  Enable JetStream
        -sd,--store_dir <dir>            Directory for its data

    Authorization:
            --user <user>                User that clients must give
            --pass <password>            Password that clients must give
            --auth <token>               Token that clients must give

    TLS:
            --tls                        Require TLS; clients need no certificate (default: false)
            --tlscert <file>             Certificate of the server
            --tlskey <file>              Private key of that certificate
            --tlsverify                  Require TLS and certificates of clients
            --tlscacert <file>           Certificates that clients' are verified with

    Cluster:
            --routes <url, url>          Routes to open
            --cluster, --cluster_listen <url>
                                         URL to listen on for routes
            --cluster_name <string>      Name of the cluster (default: generated)
            --no_advertise <bool>        Do not tell clients about the cluster
            --cluster_advertise <string> Address that other servers are told to connect to
            --connect_retries <number>   Attempts to open a route that another server told about

    Profiling:
            --profile <port>             Port for profiling over HTTP

    Common:
        -h, --help                       This text
        -v, --version                    Version
            --help_tls                   Help for TLS

    """

  static let tls = """

    TLS is configured in a tls block of the configuration file:

        tls {
            cert_file:      "./certs/server-cert.pem"
            key_file:       "./certs/server-key.pem"
            ca_file:        "./certs/ca.pem"
            verify:         true
            verify_and_map: true
            min_version:    "1.3"

            cipher_suites: [
                "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
                "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
            ]
            curve_preferences: [
                "CurveP256",
                "CurveP384"
            ]
        }

    Available cipher suites include:
    \((TLSNames.secureSuites + TLSNames.insecureSuites).map { "    \($0)\n" }.joined())
    Available curve preferences include:
    \(TLSNames.curves.map { "    \($0)\n" }.joined())
    """
}
