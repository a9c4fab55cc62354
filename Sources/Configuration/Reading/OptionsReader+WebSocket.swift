import Bytes

/// `websocket` and `mqtt` (FEATURES 3.281 to 3.314).
extension OptionsReader {
  func readWebSocket(_ block: ConfigurationValue) throws(ConfigurationProblem) {
    guard let map = block.map else {
      throw ConfigurationProblem("Expected websocket to be a map, got \(block.typeName)", at: block)
    }
    var webSocket = WebSocketOptions()
    readFields(of: map) { [self] (name, key, value) throws(ConfigurationProblem) in
      switch name {
      case "listen": (webSocket.host, webSocket.port) = try listen(value)
      case "port": webSocket.port = try value.requireInt()
      case "host", "net": webSocket.host = try value.requireString()
      case "advertise": webSocket.advertise = try value.requireString()
      case "no_tls": webSocket.noTLS = try value.requireBoolean()
      case "tls": webSocket.tls = try tls(value)
      case "same_origin": webSocket.sameOrigin = try value.requireBoolean()
      case "allowed_origins", "allowed_origin", "allow_origins", "allow_origin", "origins", "origin":
        webSocket.allowedOrigins = strings(value, field: "allowed origins") ?? []
      case "handshake_timeout": webSocket.handshakeTimeoutNanoseconds = try handshakeTimeout(value)
      case "compress", "compression": webSocket.compression = try value.requireBoolean()
      case "authorization", "authentication":
        let result = try simpleAuthorization(value)
        webSocket.user = result.user
        webSocket.password = result.password
        webSocket.token = result.token
        webSocket.authorizationTimeoutNanoseconds = result.timeoutNanoseconds
      case "jwt_cookie": webSocket.jwtCookie = try value.requireString()
      case "user_cookie": webSocket.userCookie = try value.requireString()
      case "pass_cookie": webSocket.passwordCookie = try value.requireString()
      case "token_cookie": webSocket.tokenCookie = try value.requireString()
      case "no_auth_user": webSocket.noAuthUser = try value.requireString()
      case "headers": webSocket.headers = try headers(value)
      case "ping_interval": webSocket.pingIntervalNanoseconds = try duration(value, field: "ping_interval")
      default: unknownField(key, value)
      }
    }
    options.webSocket = webSocket
  }

  private func handshakeTimeout(_ value: ConfigurationValue) throws(ConfigurationProblem) -> Int64 {
    switch value.content {
    case .integer(let number): return number &* Defaults.second
    case .string(let text):
      switch plainDuration(text) {
      case .success(let nanoseconds): return nanoseconds
      case .failure(let failure): throw ConfigurationProblem(failure.description, at: value)
      }
    default:
      throw ConfigurationProblem(
        "error parsing handshake timeout: unsupported type \(value.typeName)", at: value)
    }
  }

  private func headers(_ value: ConfigurationValue) throws(ConfigurationProblem) -> [String: String] {
    guard let map = value.map else {
      throw ConfigurationProblem("error parsing headers: unsupported type \(value.typeName)", at: value)
    }
    var result: [String: String] = [:]
    for (key, field) in map.entries {
      if let text = field.string {
        result[key] = text
      } else {
        fail("error parsing header key \(key): unsupported type \(field.typeName)", at: field)
      }
    }
    return result
  }

  func readMQTT(_ block: ConfigurationValue) throws(ConfigurationProblem) {
    guard let map = block.map else {
      throw ConfigurationProblem("Expected mqtt to be a map, got \(block.typeName)", at: block)
    }
    var mqtt = MQTTOptions()
    readFields(of: map) { [self] (name, key, value) throws(ConfigurationProblem) in
      switch name {
      case "listen": (mqtt.host, mqtt.port) = try listen(value)
      case "port": mqtt.port = try value.requireInt()
      case "host", "net": mqtt.host = try value.requireString()
      case "tls": mqtt.tls = try tls(value)
      case "authorization", "authentication":
        let result = try simpleAuthorization(value)
        mqtt.user = result.user
        mqtt.password = result.password
        mqtt.token = result.token
        mqtt.authorizationTimeoutNanoseconds = result.timeoutNanoseconds
      case "no_auth_user": mqtt.noAuthUser = try value.requireString()
      case "ack_wait", "ackwait": mqtt.ackWaitNanoseconds = try duration(value, field: "ack_wait")
      case "js_api_timeout", "api_timeout":
        mqtt.jetStreamAPITimeoutNanoseconds = try duration(value, field: "js_api_timeout")
      case "max_ack_pending", "max_pending", "max_inflight":
        let number = try value.requireInt()
        guard (0...0xFFFF).contains(number) else {
          throw ConfigurationProblem("invalid value \(number), should in [0..65535] range", at: value)
        }
        mqtt.maxAckPending = number
      case "js_domain": mqtt.jetStreamDomain = try value.requireString()
      case "stream_replicas": mqtt.streamReplicas = try value.requireInt()
      case "consumer_replicas":
        warn(field: key, "consumer replicas setting ignored in this server version", at: value)
      case "consumer_memory_storage": mqtt.consumerMemoryStorage = try value.requireBoolean()
      case "consumer_inactive_threshold", "consumer_auto_cleanup":
        mqtt.consumerInactiveThresholdNanoseconds = try duration(value, field: "consumer_inactive_threshold")
      case "reject_qos2_publish": mqtt.rejectQoS2Publish = try value.requireBoolean()
      case "downgrade_qos2_subscribe": mqtt.downgradeQoS2Subscribe = try value.requireBoolean()
      default: unknownField(key, value)
      }
    }
    options.mqtt = mqtt
  }
}
