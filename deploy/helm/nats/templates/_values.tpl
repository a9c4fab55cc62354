{{- /*
nats.prepare: puts the values in their final form, once for all templates: default names, "$tplYaml", directories.
After it the context has
  .Values        the final values
  .serverConfig  the configuration of the server as a map
  .boxContents   whether a context of the nats-box brings the contents of its credentials
*/ -}}
{{- define "nats.prepare" -}}
{{- if not .prepared -}}
  {{- $values := deepCopy .Values -}}
  {{- include "nats.defaultNames" (dict "values" $values "fullname" (include "nats.fullname" .)) -}}
  {{- $_ := set . "Values" $values -}}
  {{- $box := dict "value" (deepCopy $values) "root" . "at" "" -}}
  {{- include "nats.resolve" $box -}}
  {{- $_ := set . "Values" $box.value -}}

  {{- $_ := set . "boxContents" false -}}
  {{- range $name, $context := .Values.natsBox.contexts -}}
    {{- range $kind, $folder := dict "creds" "nats-creds" "nkey" "nats-nkeys" "tls" "nats-certs" -}}
      {{- with get $context $kind -}}
        {{- $_ := set . "dir" (.dir | default (printf "/etc/%s/%s" $folder $name)) -}}
        {{- if and .contents (ne $kind "tls") -}}{{- $_ := set $ "boxContents" true -}}{{- end -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}

  {{- $_ := set . "serverConfig"
    (include "nats.object" (dict "build" "nats.config" "root" . "values" .Values.config "at" "config") | fromYaml) -}}
  {{- $_ := set . "prepared" true -}}
{{- end -}}
{{- end -}}

{{- /* Fills in the names that were not chosen. Input: values (changed), fullname. */ -}}
{{- define "nats.defaultNames" -}}
{{- $full := .fullname -}}
{{- with .values -}}
  {{- range $entry := list
      (list .config.jetstream.fileStore.pvc "-js")
      (list .config.resolver.pvc "-resolver")
      (list .config.websocket.ingress "-ws")
      (list .configMap "-config")
      (list .headlessService "-headless")
      (list .service "")
      (list .serviceAccount "")
      (list .statefulSet "")
      (list .podDisruptionBudget "")
      (list .networkPolicy "")
      (list .promExporter.podMonitor "")
      (list .metrics.podMonitor "-metrics")
      (list .metrics.serviceMonitor "-metrics")
      (list .natsBox.deployment "-box")
      (list .natsBox.serviceAccount "-box")
      (list .natsBox.contextsSecret "-box-contexts")
      (list .natsBox.contentsSecret "-box-contents") -}}
    {{- $section := index $entry 0 -}}
    {{- $_ := set $section "name" ($section.name | default (printf "%s%s" $full (index $entry 1))) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{- /*
nats.resolve: replaces maps {$tplYaml: TEXT} by what TEXT gives as a template read as YAML; {$tplYamlSpread: TEXT}
inside a map or list by its entries. Input and result: value; input: root, at (path for errors).
*/ -}}
{{- define "nats.resolve" -}}
{{- if kindIs "map" .value -}}
  {{- if and (eq (len .value) 1) (hasKey .value "$tplYaml") -}}
    {{- include "nats.resolve.take" (dict "box" . "text" (index .value "$tplYaml")) -}}
  {{- else if and (eq (len .value) 1) (hasKey .value "$tplYamlSpread") -}}
    {{- fail (printf "%s: $tplYamlSpread needs a map or a list around it" (.at | default "values")) -}}
  {{- else -}}
    {{- include "nats.resolve.map" . -}}
  {{- end -}}
{{- else if kindIs "slice" .value -}}
  {{- include "nats.resolve.list" . -}}
{{- end -}}
{{- end -}}

{{- define "nats.resolve.map" -}}
{{- $box := . -}}
{{- $map := .value -}}
{{- range $key := keys $map | sortAlpha -}}
  {{- $child := dict "value" (index $map $key) "root" $box.root "at" (printf "%s.%s" $box.at $key | trimPrefix ".") -}}
  {{- if include "nats.resolve.isSpread" $child -}}
    {{- $_ := unset $map $key -}}
    {{- include "nats.resolve.take" (dict "box" $child "text" (index $child.value "$tplYamlSpread")) -}}
    {{- if not (kindIs "invalid" $child.value) -}}
      {{- if not (kindIs "map" $child.value) -}}
        {{- fail (printf "%s: $tplYamlSpread inside a map must give a map, not a %s" $child.at (kindOf $child.value)) -}}
      {{- end -}}
      {{- range $name, $value := $child.value -}}{{- $_ := set $map $name $value -}}{{- end -}}
    {{- end -}}
  {{- else -}}
    {{- include "nats.resolve" $child -}}
    {{- $_ := set $map $key $child.value -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{- define "nats.resolve.list" -}}
{{- $box := . -}}
{{- $list := list -}}
{{- range $index, $value := .value -}}
  {{- $child := dict "value" $value "root" $box.root "at" (printf "%s[%d]" $box.at $index) -}}
  {{- if include "nats.resolve.isSpread" $child -}}
    {{- include "nats.resolve.take" (dict "box" $child "text" (index $child.value "$tplYamlSpread")) -}}
    {{- if not (kindIs "invalid" $child.value) -}}
      {{- if not (kindIs "slice" $child.value) -}}
        {{- fail (printf "%s: $tplYamlSpread inside a list must give a list, not a %s" $child.at (kindOf $child.value)) -}}
      {{- end -}}
      {{- $list = concat $list $child.value -}}
    {{- end -}}
  {{- else -}}
    {{- include "nats.resolve" $child -}}
    {{- $list = append $list $child.value -}}
  {{- end -}}
{{- end -}}
{{- $_ := set . "value" $list -}}
{{- end -}}

{{- define "nats.resolve.isSpread" -}}
{{- if kindIs "map" .value -}}{{- if and (eq (len .value) 1) (hasKey .value "$tplYamlSpread") -}}yes{{- end -}}{{- end -}}
{{- end -}}

{{- /* Sets box.value to what a template gives. Input: box (value, root, at), text. */ -}}
{{- define "nats.resolve.take" -}}
{{- $rendered := tpl .text .box.root -}}
{{- $read := fromYaml (printf "value: %s" ($rendered | nindent 2)) -}}
{{- if not (hasKey $read "value") -}}
  {{- fail (printf "%s: the template gives no YAML: %s" .box.at $rendered) -}}
{{- end -}}
{{- $_ := set .box "value" (index $read "value") -}}
{{- end -}}
