/// What nats-server 2.15.1 did with a single mapping per account: source, destination, published subject, and the
/// subject on which a subscription to `>` received it (`nil`: it received nothing).
let observedMappings: [(source: String, destination: String, subject: String, received: String?)] = [
  ("foo.*", "bar.$1", "foo.x", "bar.x"),
  ("foo.*", "bar.$1", "foo.xy", "bar.xy"),
  ("foo.*.*", "bar.$2.$1", "foo.a.b", "bar.b.a"),
  ("foo.*", "bar.$0", "foo.x", "bar.foo"),
  ("foo.*", "bar.$-1", "foo.x", "bar.foo"),
  ("foo.*", "bar.$+1", "foo.x", "bar.x"),
  ("foo.*", "bar.$01", "foo.x", "bar.x"),
  ("foo.*", "bar.$x", "foo.x", "bar.$x"),
  ("foo.*", "bar.$", "foo.x", "bar.$"),
  ("foo.*", "bar.$99999999999999999999", "foo.x", "bar.$99999999999999999999"),
  ("foo.*", "bar.{{}}", "foo.x", "bar.{{}}"),
  ("foo.*", "bar.{{ wildcard ( 1 ) }}", "foo.x", "bar.x"),
  ("foo.*", "bar.{{wildcard(0)}}", "foo.x", "bar.foo"),
  ("foo.*", "bar.{{wildcard(-3)}}", "foo.x", "bar.foo"),
  ("foo.*", "bar.x{{wildcard(1)}}", "foo.x", "bar.x{{wildcard(1)}}"),
  ("foo.*", "{{wildcard(1)}}x", "foo.x", "{{wildcard(1)}}x"),
  ("foo.*", "{{ {{wildcard(1)}}", "foo.x", "x"),
  ("foo.*", "bar.{{wildcard(1)}}}}", "foo.x", "bar.x"),
  ("foo.*", "bar.{{partition(10,1)}}", "foo.x", "bar.5"),
  ("foo.*", "bar.{{partition(10,1)}}", "foo.y", "bar.6"),
  ("foo.*", "bar.{{partition(10,1)}}", "foo.baz", "bar.0"),
  ("foo.*", "bar.{{partition(10,1)}}", "foo.12345", "bar.4"),
  ("foo.*.*", "bar.{{partition(10,1,2)}}.{{wildcard(2)}}", "foo.a.b", "bar.6.b"),
  ("foo.*.*", "bar.{{partition(10,1,2)}}.{{wildcard(2)}}", "foo.b.a", "bar.8.a"),
  ("foo.*.*", "bar.{{partition(10,1,2)}}.{{wildcard(2)}}", "foo.us-west.42", "bar.5.42"),
  ("foo.*.*", "bar.{{partition(10,2,1)}}", "foo.a.b", "bar.8"),
  ("foo.*.*", "bar.{{partition(10,2,1)}}", "foo.b.a", "bar.6"),
  ("foo.*.*", "bar.{{partition(1000000)}}", "foo.a.b", "bar.372614"),
  ("foo.*.*", "bar.{{partition(1000000)}}", "foo.b.a", "bar.984266"),
  ("foo.*.*", "bar.{{partition(2147483647,1)}}", "foo.a.b", "bar.1678518573"),
  ("foo.*.*", "bar.{{partition(2147483647,1)}}", "foo.b.a", "bar.1728851430"),
  ("foo.*", "bar.{{partition(-1,1)}}", "foo.a", "bar.3826002220"),
  ("foo.*", "bar.{{partition(-1,1)}}", "foo.b", "bar.3876335077"),
  ("foo.*", "bar.{{partition(0,1)}}", "foo.a", "bar.0"),
  ("foo.*", "bar.{{partition(0)}}", "foo.a", "bar.0"),
  ("foo.*", "bar.{{partition(10,0)}}", "foo.a", "bar.3"),
  ("foo.*", "bar.{{partition(-2147483650,1)}}", "foo.a", "bar.1678518574"),
  ("foo", "bar.{{partition(1000000)}}", "foo", "bar.136261"),
  ("foo.bar.baz", "bar.{{partition(1000000)}}", "foo.bar.baz", "bar.136261"),
  ("foo.bar", "bar.{{partition(1000000,1,5)}}", "foo.bar", "bar.136261"),
  ("foo.>", "bar.{{partition(1000000)}}.>", "foo.bar.baz", "bar.951615.bar.baz"),
  ("foo.*", "bar.{{splitFromLeft(1,2)}}", "foo.a", "bar.a"),
  ("foo.*", "bar.{{splitFromLeft(1,2)}}", "foo.ab", "bar.ab"),
  ("foo.*", "bar.{{splitFromLeft(1,2)}}", "foo.abc", "bar.ab.c"),
  ("foo.*", "bar.{{splitFromLeft(1,2)}}", "foo.abcdef", "bar.ab.cdef"),
  ("foo.*", "bar.{{splitFromRight(1,2)}}", "foo.a", "bar.a"),
  ("foo.*", "bar.{{splitFromRight(1,2)}}", "foo.ab", "bar.ab"),
  ("foo.*", "bar.{{splitFromRight(1,2)}}", "foo.abc", "bar.a.bc"),
  ("foo.*", "bar.{{splitFromRight(1,2)}}", "foo.abcdef", "bar.abcd.ef"),
  ("foo.*", "bar.{{splitFromLeft(1,0)}}", "foo.abc", "bar.abc"),
  ("foo.*", "bar.{{splitFromLeft(1,-1)}}", "foo.abc", "bar.abc"),
  ("foo.*", "bar.{{splitFromRight(1,-1)}}", "foo.abc", "bar.abc"),
  ("foo.*", "bar.{{sliceFromLeft(1,3)}}", "foo.a", "bar.a"),
  ("foo.*", "bar.{{sliceFromLeft(1,3)}}", "foo.abc", "bar.abc"),
  ("foo.*", "bar.{{sliceFromLeft(1,3)}}", "foo.abcd", "bar.abc.d"),
  ("foo.*", "bar.{{sliceFromLeft(1,3)}}", "foo.abcdef", "bar.abc.def"),
  ("foo.*", "bar.{{sliceFromLeft(1,3)}}", "foo.abcdefgh", "bar.abc.def.gh"),
  ("foo.*", "bar.{{sliceFromLeft(1,3)}}", "foo.1234567890", "bar.123.456.789.0"),
  ("foo.*", "bar.{{sliceFromRight(1,3)}}", "foo.a", "bar.a"),
  ("foo.*", "bar.{{sliceFromRight(1,3)}}", "foo.abc", "bar.abc"),
  ("foo.*", "bar.{{sliceFromRight(1,3)}}", "foo.abcd", "bar.a.bcd"),
  ("foo.*", "bar.{{sliceFromRight(1,3)}}", "foo.abcdef", "bar.abc.def"),
  ("foo.*", "bar.{{sliceFromRight(1,3)}}", "foo.abcdefgh", "bar.ab.cde.fgh"),
  ("foo.*", "bar.{{sliceFromRight(1,3)}}", "foo.1234567890", "bar.1.234.567.890"),
  ("foo.*", "bar.{{sliceFromLeft(1,0)}}", "foo.abc", "bar.abc"),
  ("foo.*", "bar.{{sliceFromRight(1,1)}}", "foo.abc", "bar.a.b.c"),
  ("foo.*", "bar.{{sliceFromLeft(1,1)}}", "foo.abc", "bar.a.b.c"),
  ("foo.*", "bar.{{split(1,-)}}", "foo.a-b-c", "bar.a.b.c"),
  ("foo.*", "bar.{{split(1,-)}}", "foo.abc", "bar.abc"),
  ("foo.*", "bar.{{split(1,-)}}", "foo.-a--b-", "bar.a.b"),
  ("foo.*", "bar.{{split(1,-)}}", "foo.a--b", "bar.a.b"),
  ("foo.*", "bar.{{split(1,-)}}", "foo.--a", nil),
  ("foo.*", "bar.{{split(1,-)}}", "foo.-a", "bar.a"),
  ("foo.*", "bar.{{split(1,-)}}", "foo.a--", "bar.a"),
  ("foo.*", "bar.{{split(1,-)}}", "foo.-", nil),
  ("foo.*", "bar.{{split(1,-)}}", "foo.--", nil),
  ("foo.*", "bar.{{split(1,-)}}", "foo.---a", nil),
  ("foo.*", "bar.{{split(1,-)}}", "foo.a---b", "bar.a.b"),
  ("foo.*", "bar.{{split(1,--)}}.end", "foo.a--b", "bar.a.b.end"),
  ("foo.*", "bar.{{split(1,--)}}.end", "foo.a---b", "bar.a.-b.end"),
  ("foo.*", "bar.{{split(1,--)}}.end", "foo.a----b", "bar.a.b.end"),
  ("foo.*", "bar.{{split(1,--)}}.end", "foo.--", nil),
  ("foo.*", "{{split(1,)}}.x", "foo.abc", "a.b.c.x"),
  ("foo.*", "{{split(1,)}}.x", "foo.aéb", "a.é.b.x"),
  ("foo.*", "bar.{{split(1, )}}", "foo.abc", "bar.a.b.c"),
  ("foo.*", "bar.{{left(1,2)}}", "foo.a", "bar.a"),
  ("foo.*", "bar.{{left(1,2)}}", "foo.ab", "bar.ab"),
  ("foo.*", "bar.{{left(1,2)}}", "foo.abc", "bar.ab"),
  ("foo.*", "bar.{{right(1,2)}}", "foo.a", "bar.a"),
  ("foo.*", "bar.{{right(1,2)}}", "foo.ab", "bar.ab"),
  ("foo.*", "bar.{{right(1,2)}}", "foo.abc", "bar.bc"),
  ("foo.*", "bar.{{left(1,0)}}", "foo.abc", "bar.abc"),
  ("foo.*", "bar.{{right(1,-1)}}", "foo.abc", "bar.abc"),
  ("foo.*", "bar.{{random(1)}}", "foo.a", "bar.0"),
  ("foo.*", "bar.{{random(0)}}", "foo.a", "bar.0"),
  ("foo.*", "bar.{{random(-1)}}", "foo.a", "bar.0"),
  ("foo", "bar.{{random(1)}}.x", "foo", "bar.0.x"),
  ("foo.>", "bar.>", "foo.a", "bar.a"),
  ("foo.>", "bar.>", "foo.a.b.c", "bar.a.b.c"),
  ("foo.>", "bar.>", "foo", "foo"),
  ("foo.*.>", "bar.$1.>", "foo.a.b", "bar.a.b"),
  ("foo.*.>", "bar.$1.>", "foo.a.b.c.d", "bar.a.b.c.d"),
  ("foo.*.>", "$1.x.>", "foo.a.b.c", "a.x.b.c"),
  (">", "x.>", "foo.a", "x.foo.a"),
  (">", "x.>", "foo", "x.foo"),
  ("*", "x.$1", "foo", "x.foo"),
  ("*.*.*", "{{wildcard(3)}}.{{wildcard(2)}}.{{wildcard(1)}}", "a.b.c", "c.b.a"),
  ("a.*foo", "b", "a.*foo", "b"),
  ("a.*foo", "b", "a.bar", "b"),
  ("a.*foo", "b", "a.xfoo", "b"),
  ("a.*foo", "b", "a.bar.c", "a.bar.c"),
  ("a.*foo.*", "b.$1", "a.zz.q", "b.q"),
  ("foo.*", "bar", "foo.x", "bar"),
  ("foo.a", "foo.b", "foo.a", "foo.b"),
  ("foo.a", "foo.b", "foo.b", "foo.b"),
  ("foo.*", "foo.{{wildcard(1)}}.{{wildcard(1)}}", "foo.a", "foo.a.a"),
  (
    "foo.*",
    "bar.{{splitfromleft(1,2)}}.{{SplitFromRight(1,2)}}.{{slicefromleft(1,2)}}.{{SliceFromRight(1,2)}}.{{Left(1,2)}}.{{Right(1,2)}}.{{Split(1,c)}}.{{Partition(7,1)}}",
    "foo.abcdefg", "bar.ab.cdefg.abcde.fg.ab.cd.ef.g.a.bc.de.fg.ab.fg.ab.defg.4"
  ),
  ("foo.*", "bar.{{left(1,1)}}", "foo.éa", "bar.\u{FFFD}"),
  ("foo.*", "foo.*x", "foo.a", "foo.*x"),
  ("FOO.*", "bar.$1", "foo.a", "foo.a"),
  ("FOO.*", "bar.$1", "FOO.a", "bar.a"),
  ("foo.*", "bar.$1", "foo.*", "bar.*"),
  ("foo.*", "bar.$1", "foo.>", "foo.>"),
  ("foo.>", "bar.>", "foo.*", "bar.*"),
  ("foo.>", "bar.>", "foo.a..b", nil),
  ("foo.*", "bar.$1", "foo.", nil),
  (
    "one.*.two.*.three.*.four", "{{partition(5,3)}}.{{wildcard(2)}}.{{left(1,1)}}", "one.abc.two.def.three.ghi.four",
    "1.def.a"
  ),
  ("foo.bar.*.*", "baz.{{wildcard(1)}}.{{split(2,-)}}", "foo.bar.id.a-b-c", "baz.id.a.b.c"),
]

/// What `nats-server -t` 2.15.1 said of a mapping, `nil` if it was content.
let observedMappingErrors: [(source: String, destination: String, error: String?)] = [
  ("foo.*", "bar.$1", nil),
  ("foo.*", "bar", nil),
  ("foo.*", "bar.$2", "invalid mapping destination: wildcard index out of range in $2: [2]"),
  ("foo.*", "bar.$0", nil),
  ("foo.*", "bar.$-1", nil),
  ("foo.*", "bar.$x", nil),
  ("foo.*", "bar.{{wildcard(1)}}", nil),
  ("foo.*", "bar.{{Wildcard(1)}}", nil),
  ("foo.*", "bar.{{WILDCARD(1)}}", "invalid mapping destination: unknown function in {{WILDCARD(1)}}"),
  ("foo.*", "bar.{{wildcard(2)}}", "invalid mapping destination: wildcard index out of range in {{wildcard(2)}}: [2]"),
  (
    "foo.*", "bar.{{wildcard()}}",
    "invalid mapping destination: not enough arguments passed to the function in {{wildcard()}}"
  ),
  (
    "foo.*", "bar.{{wildcard(1,2)}}",
    "invalid mapping destination: too many arguments passed to the function in {{wildcard(1,2)}}"
  ),
  (
    "foo.*", "bar.{{wildcard(a)}}",
    "invalid mapping destination: function argument is invalid or in the wrong format in {{wildcard(a)}}"
  ),
  ("foo.*", "bar.{{ wildcard ( 1 ) }}", nil),
  ("foo.*", "bar.{{wildcard(0)}}", nil),
  ("foo.*", "bar.{{wildcard(-3)}}", nil),
  (
    "foo.*", "bar.{{wildcard( )}}",
    "invalid mapping destination: function argument is invalid or in the wrong format in {{wildcard( )}}"
  ),
  ("foo.*", "bar.{{foo(1)}}", "invalid mapping destination: unknown function in {{foo(1)}}"),
  ("foo.*", "bar.{{wildcard}}", "invalid mapping destination: unknown function in {{wildcard}}"),
  ("foo.*", "bar.{{}}", nil),
  ("foo.*", "bar.{{x}}", "invalid mapping destination: unknown function in {{x}}"),
  ("foo", "bar.{{wildcard(1)}}", "invalid mapping destination: wildcard index out of range in {{wildcard(1)}}"),
  ("foo", "bar.$1", "invalid mapping destination: wildcard index out of range in $1"),
  ("foo", "bar.{{partition(3)}}", nil),
  ("foo", "bar.{{partition(3,1)}}", nil),
  ("foo", "bar.{{random(3)}}", nil),
  ("foo", "bar.{{split(1,-)}}", "invalid mapping destination: wildcard index out of range in {{split(1,-)}}"),
  ("foo.*", "bar.{{left(1,2)}}", nil),
  ("foo.*", "bar.{{Right(1,2)}}", nil),
  (
    "foo.*", "bar.{{left(1)}}",
    "invalid mapping destination: not enough arguments passed to the function in {{left(1)}}"
  ),
  ("foo.*", "bar.{{partition(10,1)}}", nil),
  (
    "foo.*", "bar.{{partition(10,2)}}",
    "invalid mapping destination: wildcard index out of range in {{partition(10,2)}}: [2]"
  ),
  (
    "foo.*", "bar.{{partition()}}",
    "invalid mapping destination: function argument is invalid or in the wrong format in {{partition()}}"
  ),
  (
    "foo.*", "bar.{{partition(a,1)}}",
    "invalid mapping destination: function argument is invalid or in the wrong format in {{partition(a,1)}}"
  ),
  (
    "foo.*", "bar.{{partition(10,a)}}",
    "invalid mapping destination: function argument is invalid or in the wrong format in {{partition(10,a)}}"
  ),
  (
    "foo.*", "bar.{{partition(2147483648,1)}}",
    "invalid mapping destination: function argument is invalid or in the wrong format in {{partition(2147483648,1)}}"
  ),
  ("foo.*", "bar.{{partition(2147483647,1)}}", nil),
  ("foo.*", "bar.{{partition(-1,1)}}", nil),
  ("foo.*", "bar.{{splitfromleft(1,2)}}", nil),
  (
    "foo.*", "bar.{{SplitFromLeft(1)}}",
    "invalid mapping destination: not enough arguments passed to the function in {{SplitFromLeft(1)}}"
  ),
  (
    "foo.*", "bar.{{splitFromLeft(1,2,3)}}",
    "invalid mapping destination: too many arguments passed to the function in {{splitFromLeft(1,2,3)}}"
  ),
  (
    "foo.*", "bar.{{splitFromRight(1,x)}}",
    "invalid mapping destination: function argument is invalid or in the wrong format in {{splitFromRight(1,x)}}"
  ),
  (
    "foo.*", "bar.{{splitFromRight(2,1)}}",
    "invalid mapping destination: wildcard index out of range in {{splitFromRight(2,1)}}: [2]"
  ),
  (
    "foo.*", "bar.{{sliceFromLeft(1,2147483648)}}",
    "invalid mapping destination: function argument is invalid or in the wrong format in {{sliceFromLeft(1,2147483648)}}"
  ),
  (
    "foo.*", "bar.{{sliceFromRight()}}",
    "invalid mapping destination: not enough arguments passed to the function in {{sliceFromRight()}}"
  ),
  (
    "foo.*", "bar.{{split(1)}}",
    "invalid mapping destination: not enough arguments passed to the function in {{split(1)}}"
  ),
  (
    "foo.*", "bar.{{split(1,-,-)}}",
    "invalid mapping destination: too many arguments passed to the function in {{split(1,-,-)}}"
  ),
  ("foo.*", "bar.{{split(1,-)}}", nil),
  (
    "foo.*", "bar.{{split(1,a b)}}",
    "invalid mapping destination: function argument is invalid or in the wrong format in {{split(1,a b)}}"
  ),
  ("foo.*", "bar.{{split(1, )}}", nil),
  ("foo.*", "bar.{{split(1,.)}}", nil),
  (
    "foo.*", "bar.{{split(x,-)}}",
    "invalid mapping destination: function argument is invalid or in the wrong format in {{split(x,-)}}"
  ),
  (
    "foo.*", "bar.{{random()}}",
    "invalid mapping destination: function argument is invalid or in the wrong format in {{random()}}"
  ),
  (
    "foo.*", "bar.{{random(1,2)}}",
    "invalid mapping destination: not enough arguments passed to the function in {{random(1,2)}}"
  ),
  (
    "foo.*", "bar.{{random(x)}}",
    "invalid mapping destination: function argument is invalid or in the wrong format in {{random(x)}}"
  ),
  ("foo.*", "bar.{{Random(5)}}", nil),
  ("foo.*", "bar.*", "invalid subject"),
  ("foo.>", "bar", "invalid subject"),
  ("foo.>", "bar.>", nil),
  ("foo", "bar.>", "invalid subject"),
  ("foo.*.>", "bar.$1.>", nil),
  ("foo", "", nil),
  ("foo", "bar..baz", "invalid mapping destination: invalid transform"),
  ("foo", "bar.", "invalid mapping destination: invalid transform"),
  ("foo", ".bar", "invalid mapping destination: invalid transform"),
  ("foo", "bar.>.x", "invalid mapping destination: invalid transform in x"),
  ("foo", "bar baz", "invalid mapping destination: invalid transform"),
  ("foo", "bar.b az", "invalid mapping destination: invalid transform"),
  (
    "foo.*", "bar.{{split from left(1,2)}}", "invalid mapping destination: unknown function in {{split from left(1,2)}}"
  ),
  ("foo.*", "bar.x{{wildcard(1)}}", nil),
  ("foo.*", "{{wildcard(1)}}x", nil),
  ("foo.*", "{{ {{wildcard(1)}}", nil),
  ("foo.*", "bar.{{wildcard(1)}}}}", nil),
  ("foo.*", "bar.{{wildcard(1) x}}", "invalid mapping destination: unknown function in {{wildcard(1) x}}"),
  ("foo.*", "bar.{{wildcard(+1)}}", nil),
  ("foo.*", "bar.{{partition(10, 1)}}", nil),
  ("foo.*", "bar.{{partition(10 ,1 )}}", nil),
  ("foo.*", "bar.{{partition( 10,\t1)}}", nil),
  (
    "foo.*", "bar.{{wildcard(99999999999999999999)}}",
    "invalid mapping destination: function argument is invalid or in the wrong format in {{wildcard(99999999999999999999)}}"
  ),
  ("foo.*", "bar.$99999999999999999999", nil),
  ("foo.*", "bar.{{splitFromLeft(1,-1)}}", nil),
  (
    "foo.*.*", "bar.{{partition(5,1,2,3)}}",
    "invalid mapping destination: wildcard index out of range in {{partition(5,1,2,3)}}: [3]"
  ),
  ("foo.*", "bar.{{Partition(0)}}", nil),
  (
    "foo.*", "{{wildcard(1)}}{{wildcard(1)}}",
    "invalid mapping destination: function argument is invalid or in the wrong format in {{wildcard(1)}}{{wildcard(1)}}"
  ),
  ("foo.*", "{{wildcard(1)}}.{{wildcard(1)}}", nil),
  ("*", "$1.>", "invalid subject"),
  (">", "x.>", nil),
  (">", "x", "invalid subject"),
  (">", ">", nil),
  ("foo.*", "foo.{{split(1,)}}", nil),
  ("a.*foo", "b", nil),
]
