{{- /*
The configuration of the server, section by section, as maps that nats.object lets the values change.
*/ -}}

{{- define "nats.config" -}}
{{- $root := .root -}}
{{- with .values -}}
server_name: << $SERVER_NAME >>
lame_duck_grace_period: 10s
lame_duck_duration: 30s
pid_file: /var/run/nats/nats.pid
port: {{ .nats.port }}
{{- include "nats.config.tls" (dict "root" $root "values" .nats.tls "at" "config.nats.tls") }}
{{- if not (kindIs "invalid" .watch) }}
config_watch: {{ .watch }}
{{- end }}
{{- if .monitor.enabled }}
{{ .monitor.tls.enabled | ternary "https_port" "http_port" }}: {{ .monitor.port }}
{{- end }}
{{- if .profiling.enabled }}
prof_port: {{ .profiling.port }}
{{- end }}
{{- range $section := list "cluster" "gateway" "jetstream" "leafnodes" "mqtt" "resolver" "websocket" }}
{{- with index $root.Values.config $section }}
{{- if .enabled }}
{{ $section }}:
  {{- include "nats.object" (dict "build" (printf "nats.config.%s" $section) "root" $root "values" .
    "at" (printf "config.%s" $section)) | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
{{- end -}}

{{- /* The tls block of a section as a line break and YAML, nothing where it is off. Input: root, values, at. */ -}}
{{- define "nats.config.tls" -}}
{{- if .values.enabled }}
tls:
  {{- include "nats.object" (dict "build" "nats.config.tlsBlock" "root" .root "values" .values "at" .at) | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "nats.config.tlsBlock" -}}
{{- with .values -}}
{{- if .secretName }}
cert_file: {{ printf "%s/%s" (trimSuffix "/" .dir) (.cert | default "tls.crt") | quote }}
key_file: {{ printf "%s/%s" (trimSuffix "/" .dir) (.key | default "tls.key") | quote }}
{{- end }}
{{- end }}
{{- with include "nats.tlsCA.file" .root }}
ca_file: {{ . | quote }}
{{- end }}
{{- end -}}

{{- define "nats.config.cluster" -}}
{{- $root := .root -}}
{{- with .values -}}
{{- $credentials := and .routeURLs.user .routeURLs.password -}}
{{- $user := "" -}}
{{- if $credentials -}}
  {{- $user = printf "%s:%s@" (urlquery .routeURLs.user) (urlquery .routeURLs.password) -}}
{{- end -}}
{{- $domain := $root.Values.headlessService.name -}}
{{- if .routeURLs.useFQDN -}}
  {{- $domain = printf "%s.%s.svc.%s" $domain (include "nats.namespace" $root) .routeURLs.k8sClusterDomain -}}
{{- end -}}
name: {{ $root.Values.statefulSet.name | quote }}
port: {{ .port }}
no_advertise: {{ .noAdvertise }}
routes:
{{- $scheme := .tls.enabled | ternary "tls" "nats" }}
{{- $port := int .port }}
{{- range until (int .replicas) }}
- {{ printf "%s://%s%s-%d.%s:%d" $scheme $user $root.Values.statefulSet.name . $domain $port | quote }}
{{- end }}
{{- if $credentials }}
authorization:
  user: {{ .routeURLs.user | quote }}
  password: {{ .routeURLs.password | quote }}
{{- end }}
{{- include "nats.config.tls" (dict "root" $root "values" .tls "at" "config.cluster.tls") }}
{{- end -}}
{{- end -}}

{{- define "nats.config.gateway" -}}
name: {{ .root.Values.statefulSet.name | quote }}
port: {{ .values.port }}
{{- include "nats.config.tls" (dict "root" .root "values" .values.tls "at" "config.gateway.tls") }}
{{- end -}}

{{- define "nats.config.leafnodes" -}}
port: {{ .values.port }}
no_advertise: true
{{- include "nats.config.tls" (dict "root" .root "values" .values.tls "at" "config.leafnodes.tls") }}
{{- end -}}

{{- define "nats.config.mqtt" -}}
port: {{ .values.port }}
{{- include "nats.config.tls" (dict "root" .root "values" .values.tls "at" "config.mqtt.tls") }}
{{- end -}}

{{- define "nats.config.websocket" -}}
port: {{ .values.port }}
{{- if not .values.tls.enabled }}
no_tls: true
{{- end }}
{{- include "nats.config.tls" (dict "root" .root "values" .values.tls "at" "config.websocket.tls") }}
{{- end -}}

{{- define "nats.config.jetstream" -}}
{{- with .values.memoryStore }}
{{- if not .enabled }}
max_memory_store: 0
{{- else if .maxSize }}
max_memory_store: << {{ .maxSize }} >>
{{- end }}
{{- end }}
{{- with .values.fileStore }}
{{- if .enabled }}
store_dir: {{ .dir | quote }}
{{- with .maxSize | default (.pvc.enabled | ternary .pvc.size "") }}
max_file_store: << {{ . }} >>
{{- end }}
{{- else }}
max_file_store: 0
{{- end }}
{{- end }}
{{- end -}}

{{- define "nats.config.resolver" -}}
dir: {{ .values.dir | quote }}
{{- end -}}
