# syntax=docker/dockerfile:1
FROM golang:1.26.5@sha256:3aff6657219a4d9c14e27fb1d8976c49c29fddb70ba835014f477e1c70636647 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
ARG COMMIT=unknown
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION} -X main.commit=${COMMIT}" -o /plugin ./cmd/plugin

FROM gcr.io/distroless/static-debian12:nonroot@sha256:afa5c872c891853ca7fcf1f12c3edb23f7eeef36189728842dd51042ff57f7ab
COPY --from=build /plugin /plugin
# Health and metrics must be reachable from outside the container; keep the
# port unpublished.
ENV PLUGIN_OPS_LISTEN=:9090
EXPOSE 8080 9090
USER nonroot
ENTRYPOINT ["/plugin"]
CMD ["serve"]
