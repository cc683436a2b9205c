package telemetry

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the figures that matter. Every label comes from a small closed
// set.
type Metrics struct {
	registry *prometheus.Registry

	actions    *prometheus.CounterVec
	ack        *prometheus.HistogramVec
	attempts   *prometheus.CounterVec
	attemptFor *prometheus.HistogramVec
	targetFor  *prometheus.HistogramVec
	calls      *prometheus.HistogramVec
	requeued   *prometheus.CounterVec
	duplicates *prometheus.CounterVec
	stale      *prometheus.CounterVec
	readings   *prometheus.CounterVec
	refreshed  *prometheus.CounterVec
	hinted     *prometheus.CounterVec
	followed   *prometheus.CounterVec
	tokens     *prometheus.CounterVec
	reconnects *prometheus.CounterVec
	hooks      *prometheus.CounterVec
	hookFor    *prometheus.HistogramVec
}

// NewMetrics returns the metrics with a registry of their own.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		actions: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "plugin_actions_total",
			Help: "Clicks received, by trigger and by the state they were answered with or the kind of refusal."}, []string{"trigger", "outcome"}),
		ack: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "plugin_ack_seconds",
			Help: "From a click's arrival to its answer.", Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2, 5}}, []string{"trigger"}),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "plugin_attempts_total",
			Help: "Runs of a worker, by the step they began with, the target and how they ended."}, []string{"step", "target", "outcome"}),
		attemptFor: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "plugin_attempt_seconds",
			Help: "How long a worker's run took.", Buckets: prometheus.ExponentialBuckets(.005, 2.5, 10)}, []string{"step", "target"}),
		targetFor: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "plugin_target_seconds",
			Help: "How long an operation of a tracker took, by target, operation and kind of failure (ok).", Buckets: prometheus.ExponentialBuckets(.005, 2.5, 10)},
			[]string{"target", "operation", "result"}),
		calls: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "plugin_productboard_seconds",
			Help: "How long a call of Productboard's API took, by operation and kind of failure (ok).", Buckets: prometheus.ExponentialBuckets(.005, 2.5, 10)},
			[]string{"operation", "result"}),
		requeued: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "plugin_requeued_total",
			Help: "Runs the rescuer queued again, by reason: taken over from a silent worker, or lost by the queue."}, []string{"reason"}),
		duplicates: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "plugin_duplicates_total",
			Help: "Second issues of one push that were found and closed, by target."}, []string{"target"}),
		readings: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "plugin_refresh_readings_total",
			Help: "Issues read back by sweeps, by target and verdict."}, []string{"target", "verdict"}),
		followed: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "plugin_refresh_hinted_readings_total",
			Help: "Issues read back because a webhook named them, by target and verdict."}, []string{"target", "verdict"}),
		hinted: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "plugin_refresh_hints_total",
			Help: "Issues that webhooks named, by what became of it: read, unknown to any button, kept while a push is under way, later, dropped."}, []string{"outcome"}),
		refreshed: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "plugin_refresh_changes_total",
			Help: "Buttons changed because their issue changed, by target."}, []string{"target"}),
		stale: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "plugin_stale_progress_total",
			Help: "Buttons that Productboard showed in progress without anybody working on them, by what was done."}, []string{"done"}),
	}
	m.tokens = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "plugin_productboard_tokens_total",
		Help: "Requests for a token of Productboard, by what was exchanged (code, refresh, assertion, revoke) and kind of failure (ok)."}, []string{"grant", "result"})
	m.reconnects = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "plugin_needs_reconnect_total",
		Help: "Integrations put into needs_reconnect because a credential stopped working, by its side."}, []string{"side"})
	m.hooks = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "plugin_hooks_total",
		Help: "Webhooks of trackers, by target (none: not known whose it is) and by what became of them."}, []string{"target", "outcome"})
	m.hookFor = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "plugin_hook_seconds",
		Help: "From a webhook's arrival to its answer. Linear gives up after 5 s.", Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2, 5}}, []string{"target"})
	m.registry.MustRegister(m.hooks, m.hookFor, m.tokens, m.reconnects, m.actions, m.ack, m.attempts, m.attemptFor, m.targetFor, m.calls, m.requeued, m.duplicates, m.stale, m.readings, m.refreshed, m.hinted, m.followed,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Action counts an answered click.
func (m *Metrics) Action(trigger, outcome string, took time.Duration) {
	m.actions.WithLabelValues(trigger, outcome).Inc()
	m.ack.WithLabelValues(trigger).Observe(took.Seconds())
}

// Attempt counts a worker's run.
func (m *Metrics) Attempt(step, target, outcome string, took time.Duration) {
	m.attempts.WithLabelValues(step, target, outcome).Inc()
	m.attemptFor.WithLabelValues(step, target).Observe(took.Seconds())
}

// Target observes an operation of a tracker.
func (m *Metrics) Target(target, operation, result string, took time.Duration) {
	m.targetFor.WithLabelValues(target, operation, result).Observe(took.Seconds())
}

// Call observes a call of Productboard's API.
func (m *Metrics) Call(operation, result string, took time.Duration) {
	m.calls.WithLabelValues(operation, result).Observe(took.Seconds())
}

// Requeued counts a run that the rescuer queued again.
func (m *Metrics) Requeued(reason string) { m.requeued.WithLabelValues(reason).Inc() }

// Duplicate counts a second issue that was found.
func (m *Metrics) Duplicate(target string) { m.duplicates.WithLabelValues(target).Inc() }

// Read counts issues that a sweep read back.
func (m *Metrics) Read(target, verdict string, n int) {
	m.readings.WithLabelValues(target, verdict).Add(float64(n))
}

// Followed counts issues that were read back because a webhook named them.
func (m *Metrics) Followed(target, verdict string, n int) {
	m.followed.WithLabelValues(target, verdict).Add(float64(n))
}

// Hinted counts issues that webhooks named, by what became of it.
func (m *Metrics) Hinted(outcome string, n int) { m.hinted.WithLabelValues(outcome).Add(float64(n)) }

// Refreshed counts buttons that changed because their issue did.
func (m *Metrics) Refreshed(target string, n int) {
	m.refreshed.WithLabelValues(target).Add(float64(n))
}

// Hook counts an answered webhook. target is empty where it is not known.
func (m *Metrics) Hook(target, outcome string, took time.Duration) {
	if target == "" {
		target = "none"
	}
	m.hooks.WithLabelValues(target, outcome).Inc()
	m.hookFor.WithLabelValues(target).Observe(took.Seconds())
}

// StaleProgress counts a button that stayed in progress with no run under way.
func (m *Metrics) StaleProgress(done string) { m.stale.WithLabelValues(done).Inc() }

// Token counts a request for a token of Productboard.
func (m *Metrics) Token(grant, result string) { m.tokens.WithLabelValues(grant, result).Inc() }

// NeedsReconnect counts an integration whose credential stopped working.
func (m *Metrics) NeedsReconnect(side string) { m.reconnects.WithLabelValues(side).Inc() }

// Gauge adds a figure that is read when the metrics are.
func (m *Metrics) Gauge(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
}

// Handler serves the metrics in Prometheus' text format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Names returns every exported metric with the labels that it may have. Tests
// compare alert rules, dashboards and documents with it. A histogram is there
// under the names of its series.
func (m *Metrics) Names() map[string][]string {
	descs := make(chan *prometheus.Desc)
	go func() {
		defer close(descs)
		m.registry.Describe(descs)
	}()
	// A Desc has no other way to get at its name.
	form := regexp.MustCompile(`^Desc\{fqName: "([^"]*)", help: .*, variableLabels: \{(.*)\}\}$`)
	names := map[string][]string{}
	for d := range descs {
		if parts := form.FindStringSubmatch(d.String()); parts != nil {
			labels := strings.FieldsFunc(parts[2], func(r rune) bool { return r == ',' })
			names[parts[1]] = labels
			for _, series := range []string{"_bucket", "_sum", "_count"} {
				if strings.HasSuffix(parts[1], "_seconds") {
					names[parts[1]+series] = append(slices.Clip(labels), "le")
				}
			}
		}
	}
	return names
}
