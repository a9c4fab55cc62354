{{- /*
nats.conf: writes a map as a configuration file: keys sorted, JSON, but
  a string "<< X >>" becomes X: variables, numbers with units;
  a key that ends in "$include" becomes an include directive.
Input: value, indent (spaces before a line inside it).
*/ -}}
{{- define "nats.conf" -}}
{{- $indent := .indent -}}
{{- $pad := repeat (int $indent) " " -}}
{{- if and (kindIs "map" .value) .value -}}
  {{- $map := .value -}}
  {{- $last := keys $map | sortAlpha | last -}}
  {{- print "{\n" -}}
  {{- range $key := keys $map | sortAlpha -}}
    {{- $value := index $map $key -}}
    {{- if hasSuffix "$include" $key -}}
      {{- printf "%s  include %s;\n" $pad (toString $value) -}}
    {{- else -}}
      {{- $text := include "nats.conf" (dict "value" $value "indent" (add $indent 2)) -}}
      {{- printf "%s  %s: %s%s\n" $pad (include "nats.conf.word" $key) $text (eq $key $last | ternary "" ",") -}}
    {{- end -}}
  {{- end -}}
  {{- print $pad "}" -}}
{{- else if and (kindIs "slice" .value) .value -}}
  {{- $last := sub (len .value) 1 -}}
  {{- print "[\n" -}}
  {{- range $index, $value := .value -}}
    {{- $text := include "nats.conf" (dict "value" $value "indent" (add $indent 2)) -}}
    {{- printf "%s  %s%s\n" $pad $text (eq $index (int $last) | ternary "" ",") -}}
  {{- end -}}
  {{- print $pad "]" -}}
{{- else if kindIs "string" .value -}}
  {{- include "nats.conf.word" .value -}}
{{- else -}}
  {{- toRawJson .value -}}
{{- end -}}
{{- end -}}

{{- define "nats.conf.word" -}}
{{- if regexMatch "^<<\\s+.*\\s+>>$" . -}}
  {{- regexReplaceAll "^<<\\s+(.*?)\\s+>>$" . "${1}" -}}
{{- else -}}
  {{- toRawJson . -}}
{{- end -}}
{{- end -}}
