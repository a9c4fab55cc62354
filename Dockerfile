# Images FROM scratch, one target per program:
#
#   docker build --target natsd -t natsd .
#
# The programs are built here with the official Swift image. Where they were built already (`make release`, then
# `deploy/image-root natsd image/natsd`), --build-arg ROOTS=local takes them from image/ instead.
ARG SWIFT=docker.io/library/swift:6.3-bookworm
ARG ROOTS=build

FROM ${SWIFT} AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
      binutils ca-certificates file libcrypt-dev libssl-dev libyaml-dev make zlib1g-dev
WORKDIR /source
COPY . .
RUN Tests/release natsd exporter && \
    deploy/image-root natsd /image/natsd && \
    deploy/image-root exporter /image/exporter

FROM scratch AS local
COPY image /image

FROM ${ROOTS} AS roots

# The server. As in the official image: /nats-server is the entry point, /nats-server.conf the default configuration,
# and the program is found on PATH when a command names it. Unlike there it runs as a numeric user without rights.
FROM scratch AS natsd
COPY --from=roots /image/natsd /
COPY --from=roots --chown=10001:10001 /image/natsd.owned /
ENV PATH=/ SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 10001:10001
VOLUME /data
EXPOSE 4222 8222 6222
ENTRYPOINT ["/nats-server"]
CMD ["--config", "nats-server.conf"]

# The exporter: its flags and the servers' URLs are the arguments.
FROM scratch AS exporter
COPY --from=roots /image/exporter /
ENV PATH=/ SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 10001:10001
EXPOSE 7777
ENTRYPOINT ["/prometheus-nats-exporter"]
CMD ["--help"]
