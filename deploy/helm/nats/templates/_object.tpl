{{- /*
nats.object: builds an object and lets the values change it: first `merge` is laid over it, then `patch` is carried out.
Input: build (the name of a template that gives the object as YAML and gets this input), root, values (a map that may
have merge and patch), at (the path of `values`, for errors). Output: YAML.
*/ -}}
{{- define "nats.object" -}}
{{- $object := include .build . | fromYaml -}}
{{- if hasKey $object "Error" -}}{{- fail (printf "%s: %s" .at (index $object "Error")) -}}{{- end -}}
{{- $object = mergeOverwrite $object (deepCopy (.values.merge | default dict)) -}}
{{- $box := dict "document" $object -}}
{{- range $index, $operation := .values.patch -}}
  {{- include "nats.patch" (dict "box" $box "operation" $operation "at" (printf "%s.patch[%d]" $.at $index)) -}}
{{- end -}}
{{- toYaml $box.document -}}
{{- end -}}

{{- /*
nats.patch: one operation of a JSON Patch (RFC 6902). Input: box (document, changed), operation, at (for errors).
*/ -}}
{{- define "nats.patch" -}}
{{- $at := .at -}}
{{- $operation := .operation -}}
{{- $op := $operation.op | default "" -}}
{{- $takesValue := has $op (list "add" "replace" "test") -}}
{{- $takesFrom := has $op (list "move" "copy") -}}
{{- if not (or $takesValue $takesFrom (eq $op "remove")) -}}
  {{- fail (printf "%s: op %q must be add, remove, replace, move, copy or test" $at $op) -}}
{{- end -}}
{{- range $key := concat (list "path") ($takesValue | ternary (list "value") list) ($takesFrom | ternary (list "from") list) -}}
  {{- if not (hasKey $operation $key) -}}{{- fail (printf "%s: %s without %s" $at $op $key) -}}{{- end -}}
{{- end -}}
{{- $value := index $operation "value" -}}
{{- if or $takesFrom (eq $op "test") -}}
  {{- $read := dict "do" "read" "path" ($takesFrom | ternary $operation.from $operation.path) "at" $at -}}
  {{- include "nats.patch.walk" (dict "box" .box "work" $read) -}}
  {{- if $takesFrom -}}
    {{- $value = $read.value -}}
  {{- else if ne (toJson $read.value) (toJson $value) -}}
    {{- fail (printf "%s: %s is %s, not %s" $at $operation.path (toJson $read.value) (toJson $value)) -}}
  {{- end -}}
{{- end -}}
{{- if eq $op "move" -}}
  {{- if hasPrefix (printf "%s/" $operation.from) $operation.path -}}
    {{- fail (printf "%s: %s cannot be moved into itself" $at $operation.from) -}}
  {{- end -}}
  {{- include "nats.patch.walk" (dict "box" .box "work" (dict "do" "remove" "path" $operation.from "at" $at)) -}}
{{- end -}}
{{- if ne $op "test" -}}
  {{- $do := $takesFrom | ternary "add" $op -}}
  {{- $work := dict "do" $do "path" $operation.path "at" $at "value" (fromJson (toJson (dict "v" $value))).v -}}
  {{- include "nats.patch.walk" (dict "box" .box "work" $work) -}}
{{- end -}}
{{- end -}}

{{- /*
Carries out one piece of work from the root on. Input: box; work (do: add, remove, replace or read, path, value, at).
Reading sets work.value.
*/ -}}
{{- define "nats.patch.walk" -}}
{{- $work := .work -}}
{{- if and $work.path (not (hasPrefix "/" $work.path)) -}}
  {{- fail (printf "%s: the path %q must be empty or start with /" $work.at $work.path) -}}
{{- end -}}
{{- $tokens := list -}}
{{- range $token := splitList "/" $work.path | rest -}}
  {{- $tokens = append $tokens ($token | replace "~1" "/" | replace "~0" "~") -}}
{{- end -}}
{{- if and (not $tokens) (eq $work.do "remove") -}}
  {{- fail (printf "%s: the whole object cannot be removed" $work.at) -}}
{{- end -}}
{{- $step := dict "tokens" $tokens "node" .box.document "work" $work -}}
{{- include "nats.patch.step" $step -}}
{{- $_ := set .box "document" $step.node -}}
{{- end -}}

{{- /* One step down. Input: tokens (what is left of the path), work, node; result: node, changed. */ -}}
{{- define "nats.patch.step" -}}
{{- if not .tokens -}}
  {{- if eq .work.do "read" -}}
    {{- $_ := set .work "value" .node -}}
  {{- else -}}
    {{- $_ := set . "node" .work.value -}}
  {{- end -}}
{{- else if kindIs "map" .node -}}
  {{- include "nats.patch.inMap" . -}}
{{- else if kindIs "slice" .node -}}
  {{- include "nats.patch.inList" . -}}
{{- else -}}
  {{- fail (printf "%s: %s leads into a %s" .work.at .work.path (kindOf .node)) -}}
{{- end -}}
{{- end -}}

{{- define "nats.patch.inMap" -}}
{{- $key := first .tokens -}}
{{- $last := eq (len .tokens) 1 -}}
{{- if and $last (eq .work.do "add") -}}
  {{- $_ := set .node $key .work.value -}}
{{- else if not (hasKey .node $key) -}}
  {{- fail (printf "%s: there is no %s: no key %q" .work.at .work.path $key) -}}
{{- else if and $last (eq .work.do "remove") -}}
  {{- $_ := unset .node $key -}}
{{- else -}}
  {{- $down := dict "tokens" (rest .tokens) "node" (index .node $key) "work" .work -}}
  {{- include "nats.patch.step" $down -}}
  {{- $_ := set .node $key $down.node -}}
{{- end -}}
{{- end -}}

{{- define "nats.patch.inList" -}}
{{- $token := first .tokens -}}
{{- $last := eq (len .tokens) 1 -}}
{{- $adds := and $last (eq .work.do "add") -}}
{{- $length := len .node -}}
{{- $index := and $adds (eq $token "-") | ternary $length (atoi $token) -}}
{{- if and (ne $token (toString $index)) (not (and $adds (eq $token "-"))) -}}
  {{- fail (printf "%s: %q is no index of the list in %s" .work.at $token .work.path) -}}
{{- end -}}
{{- if or (lt $index 0) (gt $index $length) (and (eq $index $length) (not $adds)) -}}
  {{- fail (printf "%s: there is no %s: the list has %d entries" .work.at .work.path $length) -}}
{{- end -}}
{{- $before := slice .node 0 $index -}}
{{- if $adds -}}
  {{- $_ := set . "node" (concat $before (list .work.value) (slice .node $index)) -}}
{{- else if and $last (eq .work.do "remove") -}}
  {{- $_ := set . "node" (concat $before (slice .node (add1 $index))) -}}
{{- else -}}
  {{- $down := dict "tokens" (rest .tokens) "node" (index .node $index) "work" .work -}}
  {{- include "nats.patch.step" $down -}}
  {{- $_ := set . "node" (concat $before (list $down.node) (slice .node (add1 $index))) -}}
{{- end -}}
{{- end -}}
