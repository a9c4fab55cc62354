{{- /* Names and labels, old and new. Rules of access may use these templates, which have the official chart's names. */ -}}

{{- define "jsc.name" -}}
{{- $default := .Values.useLegacyNames | ternary .Release.Name .Chart.Name -}}
{{- .Values.nameOverride | default $default | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "jsc.chart" -}}
{{- printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "jsc.namespace" -}}
{{- .Values.namespaceOverride | default .Release.Namespace | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "jsc.serviceAccountName" -}}
{{- .Values.serviceAccountName | default "jetstream-controller" | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- /* The Lease as the controller calls it: for one namespace the usual one has that behind its name. */ -}}
{{- define "jsc.leaseName" -}}
{{- $isUsual := eq .Values.leaseName "nack-controller" -}}
{{- .Values.leaseName }}{{ if and .Values.namespaced $isUsual }}.{{ include "jsc.namespace" . }}{{ end -}}
{{- end -}}

{{- /* The Deployment's selector cannot be changed in one that exists. */ -}}
{{- define "jsc.selectorLabels" -}}
{{- if .Values.useLegacyNames -}}
app: {{ include "jsc.name" . }}
{{- else -}}
app.kubernetes.io/name: {{ include "jsc.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}
{{- end -}}

{{- define "jsc.labels" -}}
{{ include "jsc.selectorLabels" . }}
{{- if .Values.useLegacyNames }}
chart: {{ include "jsc.chart" . }}
{{- else }}
helm.sh/chart: {{ include "jsc.chart" . }}
{{- with .Chart.AppVersion }}
app.kubernetes.io/version: {{ . | quote }}
{{- end }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}
{{- with .Values.global.labels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* Metadata of an object. Input: root, name, and whether it stands outside of namespaces (clusterWide). */ -}}
{{- define "jsc.metadata" -}}
name: {{ .name }}
{{- if not .clusterWide }}
namespace: {{ include "jsc.namespace" .root }}
{{- end }}
labels:
  {{- include "jsc.labels" .root | nindent 2 }}
{{- end -}}

{{- /* The image. Old values files have NAME:TAG there; registries may have a port. */ -}}
{{- define "jsc.image" -}}
{{- $image := .Values.jetstream.image -}}
{{- if kindIs "string" $image -}}
  {{- $image }}{{ if not (regexMatch "[:@][^/]*$" $image) }}:latest{{ end -}}
{{- else -}}
  {{- with $image.registry }}{{ . }}/{{ end -}}
  {{- $image.repository }}:{{ $image.tag | default .Chart.AppVersion -}}
{{- end -}}
{{- end -}}

{{- define "jsc.pullPolicy" -}}
{{- $default := "IfNotPresent" -}}
{{- if not (kindIs "string" .Values.jetstream.image) -}}
  {{- $default = .Values.jetstream.image.pullPolicy | default "IfNotPresent" -}}
{{- end -}}
{{- .Values.jetstream.pullPolicy | default $default -}}
{{- end -}}
