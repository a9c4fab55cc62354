{{- /*
Names and labels. Values and extra resources may use these templates too (see "Templated values" in the README), which
is why their names are those of the official chart.
*/ -}}

{{- define "nats.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "nats.fullname" -}}
{{- $name := .Values.nameOverride | default .Chart.Name -}}
{{- $full := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- .Values.fullnameOverride | default $full | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "nats.chart" -}}
{{- printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "nats.namespace" -}}
{{- .Values.namespaceOverride | default .Release.Namespace -}}
{{- end -}}

{{- /* The namespace as a line of metadata, where one was chosen. */ -}}
{{- define "nats.metadataNamespace" -}}
{{- with .Values.namespaceOverride }}namespace: {{ . | quote }}{{ end -}}
{{- end -}}

{{- define "nats.selectorLabels" -}}
{{- include "nats.componentSelector" (dict "root" . "component" "nats") -}}
{{- end -}}

{{- define "natsBox.selectorLabels" -}}
{{- include "nats.componentSelector" (dict "root" . "component" "nats-box") -}}
{{- end -}}

{{- define "nats.labels" -}}
{{- include "nats.componentLabels" (dict "root" . "component" "nats") -}}
{{- end -}}

{{- define "natsBox.labels" -}}
{{- include "nats.componentLabels" (dict "root" . "component" "nats-box") -}}
{{- end -}}

{{- /* Selectors cannot be changed in a StatefulSet or Deployment that exists: these three labels are fixed. */ -}}
{{- define "nats.componentSelector" -}}
app.kubernetes.io/name: {{ include "nats.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "nats.componentLabels" -}}
{{- with .root.Values.global.labels }}{{ toYaml . }}{{ "\n" }}{{ end -}}
helm.sh/chart: {{ include "nats.chart" .root }}
{{ include "nats.componentSelector" . }}
{{- with .root.Chart.AppVersion }}
app.kubernetes.io/version: {{ . | quote }}
{{- end }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end -}}

{{- /* Metadata of an object. Input: root, name, labels (the name of a template of labels). */ -}}
{{- define "nats.metadata" -}}
{{- with include "nats.metadataNamespace" .root }}{{ . }}{{ "\n" }}{{ end -}}
name: {{ .name | quote }}
labels:
  {{- include .labels .root | nindent 2 }}
{{- end -}}
