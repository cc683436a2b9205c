package check

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func manifests(t *testing.T) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob("../kubernetes/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	files := map[string][]byte{}
	for _, name := range names {
		raw, err := os.ReadFile(name)
		require.NoError(t, err)
		files[filepath.Base(name)] = raw
	}
	return files
}

func adapter(t *testing.T) []byte {
	t.Helper()
	raw, err := os.ReadFile("../prometheus/adapter.yaml")
	require.NoError(t, err)
	return raw
}

func TestManifests(t *testing.T) {
	require.Empty(t, kubernetes(manifests(t), adapter(t)))
}

// Each of these is a mistake that somebody makes one day.
func TestManifestsThatAreWrongAreFound(t *testing.T) {
	for name, c := range map[string]struct{ file, from, to, want string }{
		"a field that does not exist":  {"api.yaml", "minReadySeconds:", "minReadySecond:", "unknown field"},
		"a field twice":                {"api.yaml", "minReadySeconds: 5", "minReadySeconds: 5\n  minReadySeconds: 6", "already set"},
		"a value of another type":      {"worker.yaml", "replicas: 2", "replicas: two", "cannot unmarshal"},
		"a setting misspelt":           {"config.yaml", "PLUGIN_LOG_FORMAT", "PLUGIN_LOGFORMAT", "PLUGIN_LOGFORMAT is no setting"},
		"a setting with a wrong value": {"config.yaml", "PLUGIN_DRAIN_DELAY: 10s", "PLUGIN_DRAIN_DELAY: ten", "is not a duration"},
		"killed too early":             {"worker.yaml", "terminationGracePeriodSeconds: 45", "terminationGracePeriodSeconds: 30", "is killed after 30s"},
		"a drain that takes longer":    {"config.yaml", "PLUGIN_DRAIN_DELAY: 10s", "PLUGIN_DRAIN_DELAY: 1m", "is killed after 45s"},
		"a probe that is not there":    {"api.yaml", "path: /readyz", "path: /ready", "/ready is nothing"},
		"liveness that asks Redis":     {"api.yaml", "livenessProbe:\n            httpGet: { path: /healthz", "livenessProbe:\n            httpGet: { path: /readyz", "liveness probe asks /readyz"},
		"a port of nobody":             {"api.yaml", "containerPort: 9090", "containerPort: 9091", "the port ops is 9091"},
		"a service to nowhere":         {"api.yaml", "targetPort: http", "targetPort: web", "no port web"},
		"an ingress to nowhere":        {"ingress.yaml", "name: plugin-api", "name: plugin", "no service plugin"},
		"a path beside the clicks":     {"ingress.yaml", "path: /\n", "path: /admin\n", "does not lead to /actions"},
		"a command that is none":       {"worker.yaml", "args: [worker]", "args: [work]", `runs "work"`},
		"an account that is none":      {"worker.yaml", "serviceAccountName: plugin", "serviceAccountName: default", "no service account"},
		"a secret in the file":         {"api.yaml", "valueFrom: { secretKeyRef: { name: plugin, key: redis-url } }", "value: redis://:pw@redis:6379", "PLUGIN_REDIS_URL is a secret"},
		"a secret that is kept here":   {"config.yaml", "kind: ConfigMap", "kind: Secret", "no kind that these files may hold"},
		"no configuration":             {"api.yaml", "configMapRef: { name: plugin }", "configMapRef: { name: plugins }", "not there"},
		"ops on loopback":              {"config.yaml", `PLUGIN_OPS_LISTEN: ":9090"`, `PLUGIN_OPS_LISTEN: "127.0.0.1:9090"`, "cannot be reached"},
		"a budget for nobody":          {"worker.yaml", "matchLabels: { app.kubernetes.io/name: plugin, app.kubernetes.io/component: worker }", "matchLabels: { app: worker }", "does not select"},
		"a budget that blocks":         {"worker.yaml", "maxUnavailable: 1\n  selector", "maxUnavailable: 0\n  selector", "lets no node be drained"},
		"a scaler of something else":   {"worker.yaml", "kind: Deployment, name: plugin-worker }", "kind: Deployment, name: plugin }", "scales Deployment plugin"},
		"a metric that nobody serves":  {"worker.yaml", "metric: { name: plugin_queue_age_seconds }", "metric: { name: plugin_queue_age }", "serves no metric"},
		"root":                         {"api.yaml", "runAsNonRoot: true", "runAsNonRoot: false", "nobody in particular"},
		"a writable file system":       {"api.yaml", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "more than it has to"},
		"no limit of memory":           {"worker.yaml", "limits: { memory: 256Mi }", "limits: {}", "no limit of memory"},
		"an image without a version":   {"worker.yaml", "image: pushbutton/plugin:dev", "image: pushbutton/plugin", "has no version"},
		"a policy for a port of none":  {"networkpolicy.yaml", "port: ops", "port: metrics", "has no port"},
		"a policy that opens all":      {"networkpolicy.yaml", "policyTypes: [Ingress, Egress]\n---", "policyTypes: [Ingress, Egress]\n  egress: [{}]\n---", "closes what the others"},
		"a file that is left out":      {"kustomization.yaml", "  - networkpolicy.yaml\n", "", "does not name it"},
		"no second worker":             {"worker.yaml", "replicas: 2", "replicas: 1", "fewer than two"},
	} {
		t.Run(name, func(t *testing.T) {
			files := manifests(t)
			require.True(t, bytes.Contains(files[c.file], []byte(c.from)), "the case does not fit the file any more")
			files[c.file] = bytes.Replace(files[c.file], []byte(c.from), []byte(c.to), 1)
			require.Contains(t, strings.Join(kubernetes(files, adapter(t)), "\n"), c.want)
		})
	}
}
