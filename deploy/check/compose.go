package check

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// imageEnvironment returns the environment that the Dockerfile sets.
func imageEnvironment() map[string]string { return map[string]string{"PLUGIN_OPS_LISTEN": ":9090"} }

// compose checks a Compose file, which the loader holds against the published
// schema, and returns what is wrong. replicas is the least number of each
// half.
func compose(ctx context.Context, path string, replicas int) []string {
	var f findings
	const domain, keys = "push.example.com", "kept elsewhere"
	options, err := cli.NewProjectOptions([]string{path}, cli.WithEnv([]string{
		"DOMAIN=" + domain, "PLUGIN_PUBLIC_URL=https://" + domain, "PLUGIN_ENCRYPTION_KEYS=" + keys,
	}))
	if err != nil {
		return []string{err.Error()}
	}
	project, err := options.LoadProject(ctx)
	if err != nil {
		return []string{err.Error()}
	}
	found := map[string]bool{}
	for name, s := range project.Services {
		if s.Build == nil {
			f.image(name, s.Image)
		}
		if !slices.ContainsFunc(slices.Collect(maps.Keys(s.Environment)), func(v string) bool { return strings.HasPrefix(v, "PLUGIN_") }) {
			continue
		}
		found[name] = true
		service(&f, s, keys, replicas)
		if _, ok := s.DependsOn["redis"]; !ok {
			f.add("%s: starts before Redis", name)
		}
	}
	if len(found) == 0 || replicas > 1 && !(found["api"] && found["worker"]) {
		f.add("the halves of the plugin are not there: %v", found)
	}
	store(&f, project)
	return f
}

func service(f *findings, s types.ServiceConfig, keys string, replicas int) {
	env := imageEnvironment()
	for name, value := range s.Environment {
		if value == nil {
			f.add("%s: %s has no value", s.Name, name)
			continue
		}
		env[name] = *value
	}
	// The address of the Redis beside it holds no password; the key comes from
	// whoever starts it.
	secret := []string{"PLUGIN_REDIS_URL"}
	if env["PLUGIN_ENCRYPTION_KEYS"] == keys {
		secret = append(secret, "PLUGIN_ENCRYPTION_KEYS")
	}
	cfg := f.settings(s.Name, env, secret)
	if !strings.HasPrefix(env["PLUGIN_REDIS_URL"], "redis://redis:6379") {
		f.add("%s: uses another Redis than the one beside it", s.Name)
	}
	f.role(s.Name, s.Command)
	f.port(s.Name, "PLUGIN_OPS_LISTEN", cfg.OpsListen)
	f.port(s.Name, "PLUGIN_LISTEN", cfg.Listen)
	if s.StopGracePeriod == nil {
		f.add("%s: has no stop_grace_period", s.Name)
	} else {
		f.grace(s.Name, cfg, time.Duration(*s.StopGracePeriod))
	}
	if s.HealthCheck == nil || len(s.HealthCheck.Test) != 3 || s.HealthCheck.Test[2] != "health" {
		f.add("%s: has no health check", s.Name)
	}
	if got := s.GetScale(); got < replicas {
		f.add("%s: %d of it, fewer than %d", s.Name, got, replicas)
	}
	if s.Restart == "" {
		f.add("%s: is not started again", s.Name)
	}
}

// store checks that the Redis keeps what it is told.
func store(f *findings, project *types.Project) {
	r, ok := project.Services["redis"]
	if !ok {
		f.add("there is no redis")
		return
	}
	line := strings.Join(r.Command, " ")
	for _, want := range []string{"--appendonly yes", "--maxmemory-policy noeviction"} {
		if !strings.Contains(line, want) {
			f.add("redis: is not started with %s", want)
		}
	}
	if !strings.Contains(line, "--appendfsync always") && !strings.Contains(line, "--appendfsync everysec") {
		f.add("redis: appendfsync is neither always nor everysec")
	}
	if !slices.ContainsFunc(r.Volumes, func(v types.ServiceVolumeConfig) bool { return v.Target == "/data" && v.Type == "volume" }) {
		f.add("redis: keeps its file in the container")
	}
	if r.HealthCheck == nil {
		f.add("redis: has no health check")
	}
	if len(r.Ports) > 0 {
		f.add("redis: is published")
	}
}
