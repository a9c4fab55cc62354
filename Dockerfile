# Images FROM scratch, one target per program:
#
#   docker build --target natsd -t natsd .
#   docker build --target exporter -t exporter .
#   docker build --target nack-controller -t nack-controller .
#
# The programs are built here with the official Swift image, for the platform that is asked for (--platform). Where
# they were built already (`make release`, then `deploy/image-root natsd image/natsd`), --build-arg ROOTS=local takes
# them from image/ instead. docs/containers.md says how the images are used.
ARG SWIFT=docker.io/library/swift:6.3-bookworm
ARG ROOTS=build

FROM ${SWIFT} AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
      binutils ca-certificates file libcrypt-dev libssl-dev libyaml-dev make zlib1g-dev
WORKDIR /source
COPY . .

FROM build AS build-natsd
RUN Tests/release natsd && deploy/image-root natsd /image/natsd

FROM build AS build-exporter
RUN Tests/release exporter && deploy/image-root exporter /image/exporter

FROM build AS build-nack-controller
RUN Tests/release nack-controller && deploy/image-root nack-controller /image/nack-controller

FROM scratch AS local
COPY image /image
FROM local AS local-natsd
FROM local AS local-exporter
FROM local AS local-nack-controller

FROM ${ROOTS}-natsd AS root-natsd
FROM ${ROOTS}-exporter AS root-exporter
FROM ${ROOTS}-nack-controller AS root-nack-controller

# What the images have in common. The healthcheck asks the program itself, for want of a shell.
FROM scratch AS image
ARG VERSION=0.1.0
ARG REVISION=
LABEL org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV PATH=/ SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 10001:10001
HEALTHCHECK --interval=30s --timeout=10s --start-period=10s CMD ["/healthcheck"]

# The exporter: its flags and the servers' URLs are the arguments.
FROM image AS exporter
LABEL org.opencontainers.image.title="exporter" \
      org.opencontainers.image.description="Prometheus metrics of NATS servers"
COPY --from=root-exporter /image/exporter /
EXPOSE 7777
ENTRYPOINT ["/prometheus-nats-exporter"]
CMD ["--help"]

# The controller: reconciles manifests from files or from the Kubernetes API that its pod runs in.
FROM image AS nack-controller
LABEL org.opencontainers.image.title="nack-controller" \
      org.opencontainers.image.description="JetStream streams, consumers and buckets from manifests"
COPY --from=root-nack-controller /image/nack-controller /
EXPOSE 8080 8081
ENTRYPOINT ["/jetstream-controller"]
CMD ["--help"]

# The server, last so that a build without --target makes it. As in the official image: /nats-server is the entry
# point, /nats-server.conf the default configuration, and the program is found on PATH when a command names it. Unlike
# there it runs as a numeric user without rights.
FROM image AS natsd
LABEL org.opencontainers.image.title="natsd" \
      org.opencontainers.image.description="NATS server"
COPY --from=root-natsd /image/natsd /
COPY --from=root-natsd --chown=10001:10001 /image/natsd.owned /
VOLUME /data
EXPOSE 4222 8222 6222
# Recovery of large streams takes its time.
HEALTHCHECK --interval=30s --timeout=10s --start-period=300s CMD ["/healthcheck"]
ENTRYPOINT ["/nats-server"]
CMD ["--config", "nats-server.conf"]
