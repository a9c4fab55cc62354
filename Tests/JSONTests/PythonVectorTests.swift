import JSON
import Testing

/// Documents written by Python's `json` in several styles, and what they are in its compact style.
@Suite struct PythonVectorTests {
  @Test(arguments: vectors)
  func readsWhatPythonWrites(document: String, compact: String) throws {
    let value = try JSONValue(parsing: document)
    #expect(try value == JSONValue(parsing: compact))
    // Numbers keep their text; strings differ only where Go escapes U+2028.
    let written = String(decoding: value.json(escapesHTML: false), as: UTF8.self)
    #expect(written == compact.replacing("\u{2028}", with: "\\u2028"))
  }

  static let vectors: [(String, String)] = [
    (
      "{\"options\": {\"server_id\": \"NABC\", \"version\": \"2.15.1\", \"proto\": 1, \"port\": 4222, \"headers\": true, \"max_payload\": 1048576, \"connect_urls\": [\"127.0.0.1:4222\", \"[::1]:4222\"]}}",
      "{\"options\":{\"server_id\":\"NABC\",\"version\":\"2.15.1\",\"proto\":1,\"port\":4222,\"headers\":true,\"max_payload\":1048576,\"connect_urls\":[\"127.0.0.1:4222\",\"[::1]:4222\"]}}"
    ),
    (
      "{\"options\": {\"server_id\": \"NABC\", \"version\": \"2.15.1\", \"proto\": 1, \"port\": 4222, \"headers\": true, \"max_payload\": 1048576, \"connect_urls\": [\"127.0.0.1:4222\", \"[::1]:4222\"]}}",
      "{\"options\":{\"server_id\":\"NABC\",\"version\":\"2.15.1\",\"proto\":1,\"port\":4222,\"headers\":true,\"max_payload\":1048576,\"connect_urls\":[\"127.0.0.1:4222\",\"[::1]:4222\"]}}"
    ),
    (
      "{\n  \"options\": {\n    \"server_id\": \"NABC\",\n    \"version\": \"2.15.1\",\n    \"proto\": 1,\n    \"port\": 4222,\n    \"headers\": true,\n    \"max_payload\": 1048576,\n    \"connect_urls\": [\n      \"127.0.0.1:4222\",\n      \"[::1]:4222\"\n    ]\n  }\n}",
      "{\"options\":{\"server_id\":\"NABC\",\"version\":\"2.15.1\",\"proto\":1,\"port\":4222,\"headers\":true,\"max_payload\":1048576,\"connect_urls\":[\"127.0.0.1:4222\",\"[::1]:4222\"]}}"
    ),
    (
      "{\"options\":{\"server_id\":\"NABC\",\"version\":\"2.15.1\",\"proto\":1,\"port\":4222,\"headers\":true,\"max_payload\":1048576,\"connect_urls\":[\"127.0.0.1:4222\",\"[::1]:4222\"]}}",
      "{\"options\":{\"server_id\":\"NABC\",\"version\":\"2.15.1\",\"proto\":1,\"port\":4222,\"headers\":true,\"max_payload\":1048576,\"connect_urls\":[\"127.0.0.1:4222\",\"[::1]:4222\"]}}"
    ),
    (
      "{\n\t\"options\": {\n\t\t\"server_id\": \"NABC\",\n\t\t\"version\": \"2.15.1\",\n\t\t\"proto\": 1,\n\t\t\"port\": 4222,\n\t\t\"headers\": true,\n\t\t\"max_payload\": 1048576,\n\t\t\"connect_urls\": [\n\t\t\t\"127.0.0.1:4222\",\n\t\t\t\"[::1]:4222\"\n\t\t]\n\t}\n}",
      "{\"options\":{\"server_id\":\"NABC\",\"version\":\"2.15.1\",\"proto\":1,\"port\":4222,\"headers\":true,\"max_payload\":1048576,\"connect_urls\":[\"127.0.0.1:4222\",\"[::1]:4222\"]}}"
    ),
    (
      "[0, -0.0, 1.5, 1000.0, 1e-09, 12345678901234567890, -1, 0.30000000000000004, 2.5e+300]",
      "[0,-0.0,1.5,1000.0,1e-09,12345678901234567890,-1,0.30000000000000004,2.5e+300]"
    ),
    (
      "[0, -0.0, 1.5, 1000.0, 1e-09, 12345678901234567890, -1, 0.30000000000000004, 2.5e+300]",
      "[0,-0.0,1.5,1000.0,1e-09,12345678901234567890,-1,0.30000000000000004,2.5e+300]"
    ),
    (
      "[\n  0,\n  -0.0,\n  1.5,\n  1000.0,\n  1e-09,\n  12345678901234567890,\n  -1,\n  0.30000000000000004,\n  2.5e+300\n]",
      "[0,-0.0,1.5,1000.0,1e-09,12345678901234567890,-1,0.30000000000000004,2.5e+300]"
    ),
    (
      "[0,-0.0,1.5,1000.0,1e-09,12345678901234567890,-1,0.30000000000000004,2.5e+300]",
      "[0,-0.0,1.5,1000.0,1e-09,12345678901234567890,-1,0.30000000000000004,2.5e+300]"
    ),
    (
      "[\n\t0,\n\t-0.0,\n\t1.5,\n\t1000.0,\n\t1e-09,\n\t12345678901234567890,\n\t-1,\n\t0.30000000000000004,\n\t2.5e+300\n]",
      "[0,-0.0,1.5,1000.0,1e-09,12345678901234567890,-1,0.30000000000000004,2.5e+300]"
    ),
    (
      "{\"\\u00e9\": \"\\u20ac\\ud83d\\ude00\\u2028\", \"quote\\\"\": \"back\\\\slash\", \"ctl\": \"\\u0000\\u001f\\u007f\", \"slash\": \"a/b\", \"\": \"\"}",
      "{\"é\":\"€😀\u{2028}\",\"quote\\\"\":\"back\\\\slash\",\"ctl\":\"\\u0000\\u001f\u{7f}\",\"slash\":\"a/b\",\"\":\"\"}"
    ),
    (
      "{\"é\": \"€😀\u{2028}\", \"quote\\\"\": \"back\\\\slash\", \"ctl\": \"\\u0000\\u001f\u{7f}\", \"slash\": \"a/b\", \"\": \"\"}",
      "{\"é\":\"€😀\u{2028}\",\"quote\\\"\":\"back\\\\slash\",\"ctl\":\"\\u0000\\u001f\u{7f}\",\"slash\":\"a/b\",\"\":\"\"}"
    ),
    (
      "{\n  \"\\u00e9\": \"\\u20ac\\ud83d\\ude00\\u2028\",\n  \"quote\\\"\": \"back\\\\slash\",\n  \"ctl\": \"\\u0000\\u001f\\u007f\",\n  \"slash\": \"a/b\",\n  \"\": \"\"\n}",
      "{\"é\":\"€😀\u{2028}\",\"quote\\\"\":\"back\\\\slash\",\"ctl\":\"\\u0000\\u001f\u{7f}\",\"slash\":\"a/b\",\"\":\"\"}"
    ),
    (
      "{\"\\u00e9\":\"\\u20ac\\ud83d\\ude00\\u2028\",\"quote\\\"\":\"back\\\\slash\",\"ctl\":\"\\u0000\\u001f\\u007f\",\"slash\":\"a/b\",\"\":\"\"}",
      "{\"é\":\"€😀\u{2028}\",\"quote\\\"\":\"back\\\\slash\",\"ctl\":\"\\u0000\\u001f\u{7f}\",\"slash\":\"a/b\",\"\":\"\"}"
    ),
    (
      "{\n\t\"é\": \"€😀\u{2028}\",\n\t\"quote\\\"\": \"back\\\\slash\",\n\t\"ctl\": \"\\u0000\\u001f\u{7f}\",\n\t\"slash\": \"a/b\",\n\t\"\": \"\"\n}",
      "{\"é\":\"€😀\u{2028}\",\"quote\\\"\":\"back\\\\slash\",\"ctl\":\"\\u0000\\u001f\u{7f}\",\"slash\":\"a/b\",\"\":\"\"}"
    ),
    (
      "[[], {}, [[]], {\"a\": {\"b\": {\"c\": [null, true, false]}}}]",
      "[[],{},[[]],{\"a\":{\"b\":{\"c\":[null,true,false]}}}]"
    ),
    (
      "[[], {}, [[]], {\"a\": {\"b\": {\"c\": [null, true, false]}}}]",
      "[[],{},[[]],{\"a\":{\"b\":{\"c\":[null,true,false]}}}]"
    ),
    (
      "[\n  [],\n  {},\n  [\n    []\n  ],\n  {\n    \"a\": {\n      \"b\": {\n        \"c\": [\n          null,\n          true,\n          false\n        ]\n      }\n    }\n  }\n]",
      "[[],{},[[]],{\"a\":{\"b\":{\"c\":[null,true,false]}}}]"
    ),
    (
      "[[],{},[[]],{\"a\":{\"b\":{\"c\":[null,true,false]}}}]",
      "[[],{},[[]],{\"a\":{\"b\":{\"c\":[null,true,false]}}}]"
    ),
    (
      "[\n\t[],\n\t{},\n\t[\n\t\t[]\n\t],\n\t{\n\t\t\"a\": {\n\t\t\t\"b\": {\n\t\t\t\t\"c\": [\n\t\t\t\t\tnull,\n\t\t\t\t\ttrue,\n\t\t\t\t\tfalse\n\t\t\t\t]\n\t\t\t}\n\t\t}\n\t}\n]",
      "[[],{},[[]],{\"a\":{\"b\":{\"c\":[null,true,false]}}}]"
    ),
    (
      "\"plain\"",
      "\"plain\""
    ),
    (
      "\"plain\"",
      "\"plain\""
    ),
    (
      "\"plain\"",
      "\"plain\""
    ),
    (
      "\"plain\"",
      "\"plain\""
    ),
    (
      "\"plain\"",
      "\"plain\""
    ),
    (
      "0",
      "0"
    ),
    (
      "0",
      "0"
    ),
    (
      "0",
      "0"
    ),
    (
      "0",
      "0"
    ),
    (
      "0",
      "0"
    ),
    (
      "null",
      "null"
    ),
    (
      "null",
      "null"
    ),
    (
      "null",
      "null"
    ),
    (
      "null",
      "null"
    ),
    (
      "null",
      "null"
    ),
    (
      "[[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39]]",
      "[[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39]]"
    ),
    (
      "[[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39]]",
      "[[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39]]"
    ),
    (
      "[\n  [\n    0,\n    1,\n    2,\n    3,\n    4,\n    5,\n    6,\n    7,\n    8,\n    9,\n    10,\n    11,\n    12,\n    13,\n    14,\n    15,\n    16,\n    17,\n    18,\n    19,\n    20,\n    21,\n    22,\n    23,\n    24,\n    25,\n    26,\n    27,\n    28,\n    29,\n    30,\n    31,\n    32,\n    33,\n    34,\n    35,\n    36,\n    37,\n    38,\n    39\n  ]\n]",
      "[[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39]]"
    ),
    (
      "[[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39]]",
      "[[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39]]"
    ),
    (
      "[\n\t[\n\t\t0,\n\t\t1,\n\t\t2,\n\t\t3,\n\t\t4,\n\t\t5,\n\t\t6,\n\t\t7,\n\t\t8,\n\t\t9,\n\t\t10,\n\t\t11,\n\t\t12,\n\t\t13,\n\t\t14,\n\t\t15,\n\t\t16,\n\t\t17,\n\t\t18,\n\t\t19,\n\t\t20,\n\t\t21,\n\t\t22,\n\t\t23,\n\t\t24,\n\t\t25,\n\t\t26,\n\t\t27,\n\t\t28,\n\t\t29,\n\t\t30,\n\t\t31,\n\t\t32,\n\t\t33,\n\t\t34,\n\t\t35,\n\t\t36,\n\t\t37,\n\t\t38,\n\t\t39\n\t]\n]",
      "[[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39]]"
    ),
    (
      "{\"k0\": \"\", \"k1\": \"v\", \"k2\": \"vv\", \"k3\": \"vvv\", \"k4\": \"vvvv\", \"k5\": \"vvvvv\", \"k6\": \"vvvvvv\", \"k7\": \"vvvvvvv\", \"k8\": \"vvvvvvvv\", \"k9\": \"vvvvvvvvv\", \"k10\": \"vvvvvvvvvv\", \"k11\": \"vvvvvvvvvvv\", \"k12\": \"vvvvvvvvvvvv\", \"k13\": \"vvvvvvvvvvvvv\", \"k14\": \"vvvvvvvvvvvvvv\", \"k15\": \"vvvvvvvvvvvvvvv\", \"k16\": \"vvvvvvvvvvvvvvvv\", \"k17\": \"vvvvvvvvvvvvvvvvv\", \"k18\": \"vvvvvvvvvvvvvvvvvv\", \"k19\": \"vvvvvvvvvvvvvvvvvvv\"}",
      "{\"k0\":\"\",\"k1\":\"v\",\"k2\":\"vv\",\"k3\":\"vvv\",\"k4\":\"vvvv\",\"k5\":\"vvvvv\",\"k6\":\"vvvvvv\",\"k7\":\"vvvvvvv\",\"k8\":\"vvvvvvvv\",\"k9\":\"vvvvvvvvv\",\"k10\":\"vvvvvvvvvv\",\"k11\":\"vvvvvvvvvvv\",\"k12\":\"vvvvvvvvvvvv\",\"k13\":\"vvvvvvvvvvvvv\",\"k14\":\"vvvvvvvvvvvvvv\",\"k15\":\"vvvvvvvvvvvvvvv\",\"k16\":\"vvvvvvvvvvvvvvvv\",\"k17\":\"vvvvvvvvvvvvvvvvv\",\"k18\":\"vvvvvvvvvvvvvvvvvv\",\"k19\":\"vvvvvvvvvvvvvvvvvvv\"}"
    ),
    (
      "{\"k0\": \"\", \"k1\": \"v\", \"k2\": \"vv\", \"k3\": \"vvv\", \"k4\": \"vvvv\", \"k5\": \"vvvvv\", \"k6\": \"vvvvvv\", \"k7\": \"vvvvvvv\", \"k8\": \"vvvvvvvv\", \"k9\": \"vvvvvvvvv\", \"k10\": \"vvvvvvvvvv\", \"k11\": \"vvvvvvvvvvv\", \"k12\": \"vvvvvvvvvvvv\", \"k13\": \"vvvvvvvvvvvvv\", \"k14\": \"vvvvvvvvvvvvvv\", \"k15\": \"vvvvvvvvvvvvvvv\", \"k16\": \"vvvvvvvvvvvvvvvv\", \"k17\": \"vvvvvvvvvvvvvvvvv\", \"k18\": \"vvvvvvvvvvvvvvvvvv\", \"k19\": \"vvvvvvvvvvvvvvvvvvv\"}",
      "{\"k0\":\"\",\"k1\":\"v\",\"k2\":\"vv\",\"k3\":\"vvv\",\"k4\":\"vvvv\",\"k5\":\"vvvvv\",\"k6\":\"vvvvvv\",\"k7\":\"vvvvvvv\",\"k8\":\"vvvvvvvv\",\"k9\":\"vvvvvvvvv\",\"k10\":\"vvvvvvvvvv\",\"k11\":\"vvvvvvvvvvv\",\"k12\":\"vvvvvvvvvvvv\",\"k13\":\"vvvvvvvvvvvvv\",\"k14\":\"vvvvvvvvvvvvvv\",\"k15\":\"vvvvvvvvvvvvvvv\",\"k16\":\"vvvvvvvvvvvvvvvv\",\"k17\":\"vvvvvvvvvvvvvvvvv\",\"k18\":\"vvvvvvvvvvvvvvvvvv\",\"k19\":\"vvvvvvvvvvvvvvvvvvv\"}"
    ),
    (
      "{\n  \"k0\": \"\",\n  \"k1\": \"v\",\n  \"k2\": \"vv\",\n  \"k3\": \"vvv\",\n  \"k4\": \"vvvv\",\n  \"k5\": \"vvvvv\",\n  \"k6\": \"vvvvvv\",\n  \"k7\": \"vvvvvvv\",\n  \"k8\": \"vvvvvvvv\",\n  \"k9\": \"vvvvvvvvv\",\n  \"k10\": \"vvvvvvvvvv\",\n  \"k11\": \"vvvvvvvvvvv\",\n  \"k12\": \"vvvvvvvvvvvv\",\n  \"k13\": \"vvvvvvvvvvvvv\",\n  \"k14\": \"vvvvvvvvvvvvvv\",\n  \"k15\": \"vvvvvvvvvvvvvvv\",\n  \"k16\": \"vvvvvvvvvvvvvvvv\",\n  \"k17\": \"vvvvvvvvvvvvvvvvv\",\n  \"k18\": \"vvvvvvvvvvvvvvvvvv\",\n  \"k19\": \"vvvvvvvvvvvvvvvvvvv\"\n}",
      "{\"k0\":\"\",\"k1\":\"v\",\"k2\":\"vv\",\"k3\":\"vvv\",\"k4\":\"vvvv\",\"k5\":\"vvvvv\",\"k6\":\"vvvvvv\",\"k7\":\"vvvvvvv\",\"k8\":\"vvvvvvvv\",\"k9\":\"vvvvvvvvv\",\"k10\":\"vvvvvvvvvv\",\"k11\":\"vvvvvvvvvvv\",\"k12\":\"vvvvvvvvvvvv\",\"k13\":\"vvvvvvvvvvvvv\",\"k14\":\"vvvvvvvvvvvvvv\",\"k15\":\"vvvvvvvvvvvvvvv\",\"k16\":\"vvvvvvvvvvvvvvvv\",\"k17\":\"vvvvvvvvvvvvvvvvv\",\"k18\":\"vvvvvvvvvvvvvvvvvv\",\"k19\":\"vvvvvvvvvvvvvvvvvvv\"}"
    ),
    (
      "{\"k0\":\"\",\"k1\":\"v\",\"k2\":\"vv\",\"k3\":\"vvv\",\"k4\":\"vvvv\",\"k5\":\"vvvvv\",\"k6\":\"vvvvvv\",\"k7\":\"vvvvvvv\",\"k8\":\"vvvvvvvv\",\"k9\":\"vvvvvvvvv\",\"k10\":\"vvvvvvvvvv\",\"k11\":\"vvvvvvvvvvv\",\"k12\":\"vvvvvvvvvvvv\",\"k13\":\"vvvvvvvvvvvvv\",\"k14\":\"vvvvvvvvvvvvvv\",\"k15\":\"vvvvvvvvvvvvvvv\",\"k16\":\"vvvvvvvvvvvvvvvv\",\"k17\":\"vvvvvvvvvvvvvvvvv\",\"k18\":\"vvvvvvvvvvvvvvvvvv\",\"k19\":\"vvvvvvvvvvvvvvvvvvv\"}",
      "{\"k0\":\"\",\"k1\":\"v\",\"k2\":\"vv\",\"k3\":\"vvv\",\"k4\":\"vvvv\",\"k5\":\"vvvvv\",\"k6\":\"vvvvvv\",\"k7\":\"vvvvvvv\",\"k8\":\"vvvvvvvv\",\"k9\":\"vvvvvvvvv\",\"k10\":\"vvvvvvvvvv\",\"k11\":\"vvvvvvvvvvv\",\"k12\":\"vvvvvvvvvvvv\",\"k13\":\"vvvvvvvvvvvvv\",\"k14\":\"vvvvvvvvvvvvvv\",\"k15\":\"vvvvvvvvvvvvvvv\",\"k16\":\"vvvvvvvvvvvvvvvv\",\"k17\":\"vvvvvvvvvvvvvvvvv\",\"k18\":\"vvvvvvvvvvvvvvvvvv\",\"k19\":\"vvvvvvvvvvvvvvvvvvv\"}"
    ),
    (
      "{\n\t\"k0\": \"\",\n\t\"k1\": \"v\",\n\t\"k2\": \"vv\",\n\t\"k3\": \"vvv\",\n\t\"k4\": \"vvvv\",\n\t\"k5\": \"vvvvv\",\n\t\"k6\": \"vvvvvv\",\n\t\"k7\": \"vvvvvvv\",\n\t\"k8\": \"vvvvvvvv\",\n\t\"k9\": \"vvvvvvvvv\",\n\t\"k10\": \"vvvvvvvvvv\",\n\t\"k11\": \"vvvvvvvvvvv\",\n\t\"k12\": \"vvvvvvvvvvvv\",\n\t\"k13\": \"vvvvvvvvvvvvv\",\n\t\"k14\": \"vvvvvvvvvvvvvv\",\n\t\"k15\": \"vvvvvvvvvvvvvvv\",\n\t\"k16\": \"vvvvvvvvvvvvvvvv\",\n\t\"k17\": \"vvvvvvvvvvvvvvvvv\",\n\t\"k18\": \"vvvvvvvvvvvvvvvvvv\",\n\t\"k19\": \"vvvvvvvvvvvvvvvvvvv\"\n}",
      "{\"k0\":\"\",\"k1\":\"v\",\"k2\":\"vv\",\"k3\":\"vvv\",\"k4\":\"vvvv\",\"k5\":\"vvvvv\",\"k6\":\"vvvvvv\",\"k7\":\"vvvvvvv\",\"k8\":\"vvvvvvvv\",\"k9\":\"vvvvvvvvv\",\"k10\":\"vvvvvvvvvv\",\"k11\":\"vvvvvvvvvvv\",\"k12\":\"vvvvvvvvvvvv\",\"k13\":\"vvvvvvvvvvvvv\",\"k14\":\"vvvvvvvvvvvvvv\",\"k15\":\"vvvvvvvvvvvvvvv\",\"k16\":\"vvvvvvvvvvvvvvvv\",\"k17\":\"vvvvvvvvvvvvvvvvv\",\"k18\":\"vvvvvvvvvvvvvvvvvv\",\"k19\":\"vvvvvvvvvvvvvvvvvvv\"}"
    ),
    (
      "{\"dup\": 1, \"when\": \"2026-01-02T03:04:05.123456789Z\"}",
      "{\"dup\":1,\"when\":\"2026-01-02T03:04:05.123456789Z\"}"
    ),
    (
      "{\"dup\": 1, \"when\": \"2026-01-02T03:04:05.123456789Z\"}",
      "{\"dup\":1,\"when\":\"2026-01-02T03:04:05.123456789Z\"}"
    ),
    (
      "{\n  \"dup\": 1,\n  \"when\": \"2026-01-02T03:04:05.123456789Z\"\n}",
      "{\"dup\":1,\"when\":\"2026-01-02T03:04:05.123456789Z\"}"
    ),
    (
      "{\"dup\":1,\"when\":\"2026-01-02T03:04:05.123456789Z\"}",
      "{\"dup\":1,\"when\":\"2026-01-02T03:04:05.123456789Z\"}"
    ),
    (
      "{\n\t\"dup\": 1,\n\t\"when\": \"2026-01-02T03:04:05.123456789Z\"\n}",
      "{\"dup\":1,\"when\":\"2026-01-02T03:04:05.123456789Z\"}"
    ),
  ]
}
