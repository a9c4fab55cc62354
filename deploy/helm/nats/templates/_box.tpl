{{- /* The nats-box: a pod with the command-line tools, and its connections (contexts). */ -}}

{{- /* Volumes of its container, as JSON {volumes: [{name, dir, source}]}. */ -}}
{{- define "nats.box.volumes" -}}
{{- $box := .Values.natsBox -}}
{{- $volumes := list
  (dict "name" "contexts" "dir" "/etc/nats-contexts" "source" (dict "secret" (dict "secretName" $box.contextsSecret.name))) -}}
{{- if .boxContents -}}
  {{- $volumes = append $volumes (dict "name" "contents" "dir" "/etc/nats-contents"
    "source" (dict "secret" (dict "secretName" $box.contentsSecret.name))) -}}
{{- end -}}
{{- $volumes = concat $volumes (include "nats.tlsCA.volumes" . | fromJson).volumes -}}
{{- range $name, $context := $box.contexts -}}
  {{- range $kind := list "creds" "nkey" "tls" -}}
    {{- with get $context $kind -}}
      {{- if .secretName -}}
        {{- $volumes = append $volumes (dict "name" (printf "ctx-%s-%s" $name $kind) "dir" .dir
          "source" (dict "secret" (dict "secretName" .secretName))) -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- toJson (dict "volumes" $volumes) -}}
{{- end -}}

{{- define "nats.box.container" -}}
{{- $root := .root -}}
name: nats-box
{{ include "nats.image" (dict "root" $root "image" (omit .values.image "resources")) }}
{{- with .values.env }}
env:
{{- include "nats.env" (dict "env" . "at" "natsBox.container.env") }}
{{- end }}
# The mounted contexts become those of the nats command, the default one is selected; then the image's own entry point.
command:
- sh
- -ec
- |
  configuration="$XDG_CONFIG_HOME/nats"
  mkdir -p "$configuration"
  [ -s "$configuration/context" ] || ln -s /etc/nats-contexts "$configuration/context"
  {{- with $root.Values.natsBox.defaultContextName }}
  [ -f "$configuration/context.txt" ] || printf %s {{ . | quote }} >"$configuration/context.txt"
  {{- end }}
  exec /entrypoint.sh "$@"
- --
args:
- sh
- -ec
- trap true INT TERM; sleep infinity & wait
volumeMounts:
{{- include "nats.volumeMounts" (include "nats.box.volumes" $root | fromJson) }}
resources:
  {{- toYaml (.values.resources | default .values.image.resources | default dict) | nindent 2 }}
{{- end -}}

{{- /* Input: root, values; container (the values of the container). */ -}}
{{- define "nats.box.pod" -}}
{{- $root := .root -}}
metadata:
  labels:
    {{- include "natsBox.labels" $root | nindent 4 }}
spec:
  containers:
  - {{- include "nats.object" (dict "build" "nats.box.container" "root" $root "values" .container "at" "natsBox.container") | nindent 4 }}
  enableServiceLinks: false
  {{- include "nats.imagePullSecrets" $root | nindent 2 }}
  {{- with $root.Values.natsBox.serviceAccount }}
  {{- if .enabled }}
  serviceAccountName: {{ .name | quote }}
  {{- end }}
  {{- end }}
  volumes:
  {{- include "nats.podVolumes" (include "nats.box.volumes" $root | fromJson) | nindent 2 }}
{{- end -}}

{{- /* A context of the nats command. Input: root, values (the context), name. */ -}}
{{- define "nats.box.context" -}}
{{- $name := .name -}}
{{- $root := .root -}}
{{- $service := $root.Values.service.enabled | ternary $root.Values.service.name $root.Values.headlessService.name -}}
url: {{ printf "nats://%s" $service | quote }}
{{- with .values }}
{{- with .creds }}
{{- if .contents }}
creds: {{ printf "/etc/nats-contents/%s.creds" $name | quote }}
{{- else if .secretName }}
creds: {{ printf "%s/%s" (trimSuffix "/" .dir) (.key | default "nats.creds") | quote }}
{{- end }}
{{- end }}
{{- with .nkey }}
{{- if .contents }}
nkey: {{ printf "/etc/nats-contents/%s.nk" $name | quote }}
{{- else if .secretName }}
nkey: {{ printf "%s/%s" (trimSuffix "/" .dir) (.key | default "nats.nk") | quote }}
{{- end }}
{{- end }}
{{- with .tls }}
{{- if .secretName }}
cert: {{ printf "%s/%s" (trimSuffix "/" .dir) (.cert | default "tls.crt") | quote }}
key: {{ printf "%s/%s" (trimSuffix "/" .dir) (.key | default "tls.key") | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- if $root.Values.config.nats.tls.enabled }}
{{- with include "nats.tlsCA.file" $root }}
ca: {{ . | quote }}
{{- end }}
{{- end }}
{{- end -}}
