{{- /* What the pods of the server and of the nats-box have in common: ports, images, variables, volumes. */ -}}

{{- /*
The listeners that are on, as JSON {ports: [{name, port, appProtocol}]}, in the order of every port list.
*/ -}}
{{- define "nats.ports" -}}
{{- $ports := list -}}
{{- range $name := list "nats" "leafnodes" "websocket" "mqtt" "cluster" "gateway" "monitor" "profiling" -}}
  {{- $section := index $.Values.config $name -}}
  {{- if or (eq $name "nats") $section.enabled -}}
    {{- $tls := ($section.tls | default dict).enabled | default false -}}
    {{- $protocol := has $name (list "websocket" "monitor") | ternary (ternary "https" "http" $tls) (ternary "tls" "tcp" $tls) -}}
    {{- $ports = append $ports (dict "name" $name "port" $section.port "appProtocol" $protocol) -}}
  {{- end -}}
{{- end -}}
{{- toJson (dict "ports" $ports) -}}
{{- end -}}

{{- /* image and imagePullPolicy. Input: root, image. */ -}}
{{- define "nats.image" -}}
{{- $global := .root.Values.global.image -}}
{{- $default := .root.Chart.AppVersion -}}
{{- with .image -}}
{{- $name := printf "%s:%s" .repository (.tag | default $default | toString) -}}
{{- if .digest -}}{{- $name = printf "%s@%s" .repository .digest -}}{{- end -}}
{{- with .registry | default $global.registry -}}{{- $name = printf "%s/%s" . $name -}}{{- end -}}
image: {{ .fullImageName | default $name | quote }}
{{- with .pullPolicy | default $global.pullPolicy }}
imagePullPolicy: {{ . | quote }}
{{- end }}
{{- end -}}
{{- end -}}

{{- /* Entries of `env` from a map of variables. Input: env, at. */ -}}
{{- define "nats.env" -}}
{{- $at := .at -}}
{{- range $name, $value := .env }}
{{- if kindIs "string" $value }}
- name: {{ $name | quote }}
  value: {{ $value | quote }}
{{- else if kindIs "map" $value }}
- {{- merge (dict "name" $name) $value | toYaml | nindent 2 }}
{{- else }}
{{- fail (printf "%s.%s: a variable must be a string or a map, not a %s" $at $name (kindOf $value)) }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "nats.imagePullSecrets" -}}
{{- with .Values.global.image.pullSecretNames }}
imagePullSecrets:
{{- range . }}
- name: {{ . | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{- /* The CA file's path, nothing where there is no common CA. */ -}}
{{- define "nats.tlsCA.file" -}}
{{- with .Values.tlsCA -}}
{{- if and .enabled (or .configMapName .secretName) -}}
{{- printf "%s/%s" (trimSuffix "/" .dir) (.key | default "ca.crt") -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* The common CA as a volume of a pod, as JSON {volumes: [...]}. A volume is {name, dir, source}. */ -}}
{{- define "nats.tlsCA.volumes" -}}
{{- $volumes := list -}}
{{- if include "nats.tlsCA.file" . -}}
  {{- with .Values.tlsCA -}}
    {{- $source := dict "secret" (dict "secretName" .secretName) -}}
    {{- if .configMapName -}}{{- $source = dict "configMap" (dict "name" .configMapName) -}}{{- end -}}
    {{- $volumes = list (dict "name" "tls-ca" "dir" .dir "source" $source) -}}
  {{- end -}}
{{- end -}}
{{- toJson (dict "volumes" $volumes) -}}
{{- end -}}

{{- define "nats.volumeMounts" -}}
{{- range .volumes }}
- name: {{ .name | quote }}
  mountPath: {{ .dir | quote }}
{{- end }}
{{- end -}}

{{- /* Volumes that a pod brings itself; those of a StatefulSet's claims have no source. */ -}}
{{- define "nats.podVolumes" -}}
{{- range .volumes }}
{{- if .source }}
- name: {{ .name | quote }}
  {{- toYaml .source | nindent 2 }}
{{- end }}
{{- end }}
{{- end -}}
