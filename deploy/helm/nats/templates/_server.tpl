{{- /* The server's pod: containers, volumes, claims. */ -}}

{{- /* Volumes of the server's container in the order of their mounts, as JSON {volumes: [{name, dir, source}]}. */ -}}
{{- define "nats.server.volumes" -}}
{{- $volumes := list
  (dict "name" "config" "dir" "/etc/nats-config" "source" (dict "configMap" (dict "name" .Values.configMap.name)))
  (dict "name" "pid" "dir" "/var/run/nats" "source" (dict "emptyDir" dict)) -}}
{{- range $claim := (include "nats.server.claims" . | fromJson).claims -}}
  {{- $volumes = append $volumes (dict "name" $claim.name "dir" $claim.dir) -}}
{{- end -}}
{{- $volumes = concat $volumes (include "nats.tlsCA.volumes" . | fromJson).volumes -}}
{{- range $name := list "nats" "leafnodes" "websocket" "mqtt" "cluster" "gateway" -}}
  {{- $section := index $.Values.config $name -}}
  {{- if and (or (eq $name "nats") $section.enabled) $section.tls.enabled $section.tls.secretName -}}
    {{- $volumes = append $volumes (dict "name" (printf "%s-tls" $name) "dir" $section.tls.dir
      "source" (dict "secret" (dict "secretName" $section.tls.secretName))) -}}
  {{- end -}}
{{- end -}}
{{- toJson (dict "volumes" $volumes) -}}
{{- end -}}

{{- /* Volume claims that are on, as JSON {claims: [{name, dir, at}]}; `at` is the claim's path in the values. */ -}}
{{- define "nats.server.claims" -}}
{{- $claims := list -}}
{{- with .Values.config -}}
  {{- if and .jetstream.enabled .jetstream.fileStore.enabled .jetstream.fileStore.pvc.enabled -}}
    {{- $claims = append $claims
      (dict "name" .jetstream.fileStore.pvc.name "dir" .jetstream.fileStore.dir "at" "config.jetstream.fileStore.pvc") -}}
  {{- end -}}
  {{- if and .resolver.enabled .resolver.pvc.enabled -}}
    {{- $claims = append $claims (dict "name" .resolver.pvc.name "dir" .resolver.dir "at" "config.resolver.pvc") -}}
  {{- end -}}
{{- end -}}
{{- toJson (dict "claims" $claims) -}}
{{- end -}}

{{- /* A volume claim template. It cannot be changed in a StatefulSet that exists, so it has no labels. */ -}}
{{- define "nats.server.claim" -}}
{{- with .values -}}
metadata:
  name: {{ .name | quote }}
spec:
  accessModes: [ReadWriteOnce]
  resources:
    requests:
      storage: {{ .size | quote }}
  {{- with .storageClassName }}
  storageClassName: {{ . | quote }}
  {{- end }}
{{- end -}}
{{- end -}}

{{- define "nats.server.container" -}}
{{- $root := .root -}}
name: nats
{{ include "nats.image" (dict "root" $root "image" .values.image) }}
args: [--config, /etc/nats-config/nats.conf]
env:
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: SERVER_NAME
  value: {{ printf "%s$(POD_NAME)" ($root.Values.config.serverNamePrefix | default "") | quote }}
{{- include "nats.env" (dict "env" .values.env "at" "container.env") }}
ports:
{{- range (include "nats.ports" $root | fromJson).ports }}
- {{- merge (dict "name" .name "containerPort" .port) (index $root.Values.container.ports .name | default dict) | toYaml | nindent 2 }}
{{- end }}
lifecycle:
  # Lame duck mode: clients are asked to go elsewhere before the server ends.
  preStop:
    exec:
      command: [nats-server, -sl=ldm=/var/run/nats/nats.pid]
{{- if $root.Values.config.monitor.enabled }}
startupProbe:
  {{- include "nats.server.probe" (dict "root" $root "path" "/healthz" "period" 10 "failures" 90) | nindent 2 }}
readinessProbe:
  {{- include "nats.server.probe" (dict "root" $root "path" "/healthz?js-server-only=true" "period" 10 "failures" 3) | nindent 2 }}
livenessProbe:
  {{- include "nats.server.probe" (dict "root" $root "path" "/healthz?js-enabled-only=true" "period" 30 "failures" 3) | nindent 2 }}
{{- end }}
volumeMounts:
{{- include "nats.volumeMounts" (include "nats.server.volumes" $root | fromJson) }}
resources:
  {{- toYaml .values.resources | nindent 2 }}
{{- end -}}

{{- define "nats.server.probe" -}}
httpGet:
  path: {{ .path | quote }}
  port: monitor
  {{- if .root.Values.config.monitor.tls.enabled }}
  scheme: HTTPS
  {{- end }}
initialDelaySeconds: 10
timeoutSeconds: 5
periodSeconds: {{ .period }}
successThreshold: 1
failureThreshold: {{ .failures }}
{{- end -}}

{{- /* The reloader signals the server when a file changes that it is told of. Input: root, values, mounts. */ -}}
{{- define "nats.server.reloader" -}}
{{- $root := .root -}}
{{- $prefixes := .values.natsVolumeMountPrefixes -}}
name: reloader
{{ include "nats.image" (dict "root" $root "image" .values.image) }}
{{- with .values.env }}
env:
{{- include "nats.env" (dict "env" . "at" "reloader.env") }}
{{- end }}
args:
- -pid
- /var/run/nats/nats.pid
- -config
- /etc/nats-config/nats.conf
{{- include "nats.server.reloaderFiles" $root.serverConfig }}
volumeMounts:
- name: pid
  mountPath: /var/run/nats
{{- range $mount := .mounts }}
{{- $wanted := false }}
{{- range $prefixes }}{{ if hasPrefix . $mount.mountPath }}{{ $wanted = true }}{{ end }}{{ end }}
{{- if $wanted }}
- {{- toYaml $mount | nindent 2 }}
{{- end }}
{{- end }}
{{- end -}}

{{- /* Every certificate, key, CA file and included file of the configuration, in the order of the keys. */ -}}
{{- define "nats.server.reloaderFiles" -}}
{{- if kindIs "map" . }}
{{- range $key, $value := . }}
{{- if has $key (list "cert_file" "key_file" "ca_file") }}
- -config
- {{ $value | quote }}
{{- else if hasSuffix "$include" $key }}
- -config
- {{ clean (printf "/etc/nats-config/%s" $value) | quote }}
{{- else }}
{{- include "nats.server.reloaderFiles" $value }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "nats.server.exporter" -}}
{{- $config := .root.Values.config -}}
name: prom-exporter
{{ include "nats.image" (dict "root" .root "image" .values.image) }}
ports:
- name: prom-metrics
  containerPort: {{ .values.port }}
{{- with .values.env }}
env:
{{- include "nats.env" (dict "env" . "at" "promExporter.env") }}
{{- end }}
args:
- -port={{ .values.port }}
- -connz
- -routez
- -subz
- -varz
- -prefix=nats
- -use_internal_server_id
{{- if $config.jetstream.enabled }}
- -jsz=all
{{- end }}
{{- if $config.leafnodes.enabled }}
- -leafz
{{- end }}
{{- if $config.gateway.enabled }}
- -gatewayz
{{- end }}
- {{ $config.monitor.tls.enabled | ternary "https" "http" }}://{{ .values.monitorDomain }}:{{ $config.monitor.port }}/
{{- end -}}

{{- define "nats.server.pod" -}}
{{- $root := .root -}}
{{- $container := include "nats.object" (dict "build" "nats.server.container" "root" $root
  "values" $root.Values.container "at" "container") -}}
metadata:
  labels:
    {{- include "nats.labels" $root | nindent 4 }}
  {{- if .values.configChecksumAnnotation }}
  annotations:
    checksum/config: {{ include "nats.server.configMap.final" $root | sha256sum }}
  {{- else }}
  annotations: {}
  {{- end }}
spec:
  containers:
  - {{- $container | nindent 4 }}
  {{- with $root.Values.reloader }}
  {{- if .enabled }}
  - {{- include "nats.object" (dict "build" "nats.server.reloader" "root" $root "values" . "at" "reloader"
      "mounts" ($container | fromYaml).volumeMounts) | nindent 4 }}
  {{- end }}
  {{- end }}
  {{- with $root.Values.promExporter }}
  {{- if .enabled }}
  - {{- include "nats.object" (dict "build" "nats.server.exporter" "root" $root "values" . "at" "promExporter") | nindent 4 }}
  {{- end }}
  {{- end }}
  enableServiceLinks: false
  {{- include "nats.imagePullSecrets" $root | nindent 2 }}
  {{- with $root.Values.serviceAccount }}
  {{- if .enabled }}
  serviceAccountName: {{ .name | quote }}
  {{- end }}
  {{- end }}
  {{- if $root.Values.reloader.enabled }}
  shareProcessNamespace: true
  {{- end }}
  {{- with .values.securityContext }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  volumes:
  {{- include "nats.podVolumes" (include "nats.server.volumes" $root | fromJson) | nindent 2 }}
  {{- with .values.topologySpreadConstraints }}
  topologySpreadConstraints:
  {{- range $key, $constraint := . }}
  - {{- merge (dict "topologyKey" $key "labelSelector" (dict "matchLabels" (include "nats.selectorLabels" $root | fromYaml)))
      $constraint | toYaml | nindent 4 }}
  {{- end }}
  {{- end }}
  # Longer than lame_duck_grace_period and lame_duck_duration together.
  terminationGracePeriodSeconds: 60
{{- end -}}

{{- define "nats.server.configMap" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  {{- include "nats.metadata" (dict "root" .root "name" .values.name "labels" "nats.labels") | nindent 2 }}
data:
  nats.conf: |
    {{- include "nats.conf" (dict "value" .root.serverConfig "indent" 0) | nindent 4 }}
{{- end -}}

{{- define "nats.server.configMap.final" -}}
{{- include "nats.object" (dict "build" "nats.server.configMap" "root" . "values" .Values.configMap "at" "configMap") -}}
{{- end -}}
