# syntax=docker/dockerfile:1
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
ARG COMMIT=unknown
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION} -X main.commit=${COMMIT}" -o /plugin ./cmd/plugin

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /plugin /plugin
# Health and metrics must be reachable from outside the container; keep the
# port unpublished.
ENV PLUGIN_OPS_LISTEN=:9090
EXPOSE 8080 9090
USER nonroot
ENTRYPOINT ["/plugin"]
CMD ["serve"]
