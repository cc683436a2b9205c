package check

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"

	"pushbutton/internal/server"
)

// kustomization is the part of kustomize's own type that is used here: the
// type itself would bring kustomize along.
type kustomization struct {
	metav1.TypeMeta `json:",inline"`
	Namespace       string   `json:"namespace"`
	Resources       []string `json:"resources"`
}

// cluster is every object of the manifests, by name.
type cluster struct {
	kustomization kustomization
	namespaces    map[string]*corev1.Namespace
	configMaps    map[string]*corev1.ConfigMap
	accounts      map[string]*corev1.ServiceAccount
	services      map[string]*corev1.Service
	deployments   map[string]*appsv1.Deployment
	budgets       map[string]*policyv1.PodDisruptionBudget
	scalers       map[string]*autoscalingv2.HorizontalPodAutoscaler
	ingresses     map[string]*networkingv1.Ingress
	policies      map[string]*networkingv1.NetworkPolicy
}

// named holds the fields that every object has.
type named interface{ GetName() string }

// decode reads a document strictly: a field that the type does not have, or
// that stands there twice, is an error.
func decode[T any, P interface {
	*T
	named
}](raw []byte, into *map[string]P) error {
	object := P(new(T))
	if err := yaml.UnmarshalStrict(raw, object); err != nil {
		return err
	}
	name := object.GetName()
	if name == "" {
		return errors.New("has no name")
	}
	if *into == nil {
		*into = map[string]P{}
	}
	if (*into)[name] != nil {
		return fmt.Errorf("%s is there twice", name)
	}
	(*into)[name] = object
	return nil
}

func (c *cluster) decode(raw []byte) error {
	var kind metav1.TypeMeta
	if err := yaml.Unmarshal(raw, &kind); err != nil {
		return err
	}
	switch kind.APIVersion + " " + kind.Kind {
	case "kustomize.config.k8s.io/v1beta1 Kustomization":
		return yaml.UnmarshalStrict(raw, &c.kustomization)
	case "v1 Namespace":
		return decode(raw, &c.namespaces)
	case "v1 ConfigMap":
		return decode(raw, &c.configMaps)
	case "v1 ServiceAccount":
		return decode(raw, &c.accounts)
	case "v1 Service":
		return decode(raw, &c.services)
	case "apps/v1 Deployment":
		return decode(raw, &c.deployments)
	case "policy/v1 PodDisruptionBudget":
		return decode(raw, &c.budgets)
	case "autoscaling/v2 HorizontalPodAutoscaler":
		return decode(raw, &c.scalers)
	case "networking.k8s.io/v1 Ingress":
		return decode(raw, &c.ingresses)
	case "networking.k8s.io/v1 NetworkPolicy":
		return decode(raw, &c.policies)
	default: // a Secret among them: secrets are not kept with the manifests
		return fmt.Errorf("%s %s is no kind that these files may hold", kind.APIVersion, kind.Kind)
	}
}

// kubernetes checks manifests, by file name, with the values of the metrics'
// adapter, and returns what is wrong.
func kubernetes(files map[string][]byte, adapter []byte) []string {
	var f findings
	var c cluster
	for _, name := range slices.Sorted(maps.Keys(files)) {
		for i, doc := range bytes.Split(files[name], []byte("\n---\n")) {
			if err := c.decode(doc); err != nil {
				f.add("%s, document %d: %v", name, i+1, err)
			}
		}
	}
	for name := range files {
		if name != "kustomization.yaml" && !slices.Contains(c.kustomization.Resources, name) {
			f.add("%s: kustomization.yaml does not name it", name)
		}
	}
	for _, name := range c.kustomization.Resources {
		if files[name] == nil {
			f.add("kustomization.yaml: %s is not there", name)
		}
	}
	if c.namespaces[c.kustomization.Namespace] == nil {
		f.add("kustomization.yaml: the namespace %q is not among the resources", c.kustomization.Namespace)
	}
	for _, role := range []string{"api", "worker"} {
		if c.deployments["plugin-"+role] == nil {
			f.add("there is no Deployment plugin-%s", role)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.deployments)) {
		c.deployment(&f, c.deployments[name])
	}
	c.references(&f)
	c.network(&f)
	c.scaling(&f, adapter)
	return f
}

func (c *cluster) deployment(f *findings, d *appsv1.Deployment) {
	where := "Deployment " + d.Name
	pod := d.Spec.Template.Spec
	if d.Spec.Replicas == nil || *d.Spec.Replicas < 2 {
		f.add("%s: has fewer than two replicas", where)
	}
	if !matches(d.Spec.Selector, d.Spec.Template.Labels) {
		f.add("%s: its selector does not match its own pods", where)
	}
	if c.accounts[pod.ServiceAccountName] == nil {
		f.add("%s: there is no service account %q", where, pod.ServiceAccountName)
	}
	if pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken {
		f.add("%s: mounts a service account's token, which the plugin does not need", where)
	}
	for _, spread := range pod.TopologySpreadConstraints {
		if !matches(spread.LabelSelector, d.Spec.Template.Labels) {
			f.add("%s: spreads pods that are not its own", where)
		}
	}
	if len(pod.Containers) != 1 {
		f.add("%s: has %d containers", where, len(pod.Containers))
		return
	}
	container := pod.Containers[0]
	f.role(where, container.Args)
	env, secret := c.environment(f, where, container)
	cfg := f.settings(where, env, secret)
	if pod.TerminationGracePeriodSeconds == nil {
		f.add("%s: has no terminationGracePeriodSeconds", where)
	} else {
		f.grace(where, cfg, time.Duration(*pod.TerminationGracePeriodSeconds)*time.Second)
	}
	ports := map[string]string{}
	for _, p := range container.Ports {
		ports[p.Name] = strconv.Itoa(int(p.ContainerPort))
	}
	if ops := f.port(where, "PLUGIN_OPS_LISTEN", cfg.OpsListen); ports["ops"] != ops {
		f.add("%s: the port ops is %s, PLUGIN_OPS_LISTEN has %s", where, ports["ops"], ops)
	}
	if http := f.port(where, "PLUGIN_LISTEN", cfg.Listen); slices.Equal(container.Args, []string{"api"}) && ports["http"] != http {
		f.add("%s: the port http is %s, PLUGIN_LISTEN has %s", where, ports["http"], http)
	}
	if scrape := d.Spec.Template.Annotations["prometheus.io/port"]; scrape != ports["ops"] {
		f.add("%s: Prometheus is sent to port %s", where, scrape)
	}
	f.probe(where+" metrics", d.Spec.Template.Annotations["prometheus.io/path"])
	probes(f, where, container)
	hardened(f, where, pod, container)
}

// environment is what the container's variables come to, and which of them
// are filled from a secret.
func (c *cluster) environment(f *findings, where string, container corev1.Container) (env map[string]string, secret []string) {
	env = map[string]string{}
	for _, from := range container.EnvFrom {
		if from.ConfigMapRef == nil || c.configMaps[from.ConfigMapRef.Name] == nil {
			f.add("%s: takes variables from something that is not there", where)
			continue
		}
		maps.Copy(env, c.configMaps[from.ConfigMapRef.Name].Data)
	}
	for _, v := range container.Env {
		env[v.Name] = v.Value
		switch from := v.ValueFrom; {
		case from == nil:
		case from.SecretKeyRef != nil && from.SecretKeyRef.Name != "" && from.SecretKeyRef.Key != "":
			secret = append(secret, v.Name)
		default:
			f.add("%s: %s comes from neither a value nor a secret", where, v.Name)
		}
	}
	return env, secret
}

func probes(f *findings, where string, container corev1.Container) {
	for name, p := range map[string]*corev1.Probe{"startup": container.StartupProbe, "liveness": container.LivenessProbe, "readiness": container.ReadinessProbe} {
		if p == nil || p.HTTPGet == nil {
			f.add("%s: has no %s probe by http", where, name)
			continue
		}
		if p.HTTPGet.Port != intstr.FromString("ops") {
			f.add("%s: the %s probe asks port %s", where, name, p.HTTPGet.Port.String())
		}
		f.probe(where+" "+name, p.HTTPGet.Path)
		want := map[string]string{"readiness": "/readyz"}[name]
		if want == "" {
			want = "/healthz" // a process that cannot reach Redis must not be killed for it
		}
		if p.HTTPGet.Path != want {
			f.add("%s: the %s probe asks %s, not %s", where, name, p.HTTPGet.Path, want)
		}
	}
}

func hardened(f *findings, where string, pod corev1.PodSpec, container corev1.Container) {
	p, s := pod.SecurityContext, container.SecurityContext
	yes := func(b *bool) bool { return b != nil && *b }
	if p == nil || !yes(p.RunAsNonRoot) || p.RunAsUser == nil || p.SeccompProfile == nil || p.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		f.add("%s: its pods do not run as nobody in particular, with the runtime's seccomp profile", where)
	}
	if s == nil || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || !yes(s.ReadOnlyRootFilesystem) ||
		s.Capabilities == nil || !slices.Contains(s.Capabilities.Drop, "ALL") || len(s.Capabilities.Add) > 0 {
		f.add("%s: its container may do more than it has to", where)
	}
	r := container.Resources
	if r.Requests.Cpu().IsZero() || r.Requests.Memory().IsZero() || r.Limits.Memory().IsZero() {
		f.add("%s: has no requests of processor time and memory, or no limit of memory", where)
	}
	if container.Image == "" || !strings.Contains(container.Image, ":") || strings.HasSuffix(container.Image, ":latest") {
		f.add("%s: its image %q has no version", where, container.Image)
	}
	f.image(where, container.Image)
}

func matches(selector *metav1.LabelSelector, pod map[string]string) bool {
	s, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && !s.Empty() && s.Matches(labels.Set(pod))
}

// references checks what names something else: services, ingresses and
// budgets.
func (c *cluster) references(f *findings) {
	for name, s := range c.services {
		d := c.deployments[name]
		if d == nil || !labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(d.Spec.Template.Labels)) {
			f.add("Service %s: does not select the pods of the Deployment of its name", name)
			continue
		}
		for _, p := range s.Spec.Ports {
			if !hasPort(d, p.TargetPort) {
				f.add("Service %s: the pods have no port %s", name, p.TargetPort.String())
			}
		}
	}
	for name, i := range c.ingresses {
		for _, rule := range i.Spec.Rules {
			for _, p := range rule.HTTP.Paths {
				c.backend(f, "Ingress "+name, p)
			}
		}
	}
	for name, d := range c.deployments {
		b := c.budgets[name]
		switch {
		case b == nil:
			f.add("Deployment %s: has no PodDisruptionBudget", name)
		case !matches(b.Spec.Selector, d.Spec.Template.Labels):
			f.add("PodDisruptionBudget %s: does not select the Deployment's pods", name)
		case b.Spec.MaxUnavailable == nil || b.Spec.MaxUnavailable.IntValue() < 1:
			f.add("PodDisruptionBudget %s: lets no node be drained", name)
		}
	}
}

func (c *cluster) backend(f *findings, where string, p networkingv1.HTTPIngressPath) {
	if prefix := strings.TrimSuffix(server.ActionPath, ":id"); !strings.HasPrefix(prefix, p.Path) {
		f.add("%s: %s does not lead to %s", where, p.Path, server.ActionPath)
	}
	s := c.services[p.Backend.Service.Name]
	if s == nil || !slices.ContainsFunc(s.Spec.Ports, func(port corev1.ServicePort) bool { return port.Name == p.Backend.Service.Port.Name }) {
		f.add("%s: there is no service %s with a port %s", where, p.Backend.Service.Name, p.Backend.Service.Port.Name)
	}
}

func hasPort(d *appsv1.Deployment, port intstr.IntOrString) bool {
	return slices.ContainsFunc(d.Spec.Template.Spec.Containers[0].Ports, func(p corev1.ContainerPort) bool {
		return p.Name == port.StrVal || port.Type == intstr.Int && p.ContainerPort == port.IntVal
	})
}

// network checks that nothing is reachable that no policy names, and that
// each policy is about pods that exist and ports that they have.
func (c *cluster) network(f *findings) {
	closed := false
	for name, p := range c.policies {
		where := "NetworkPolicy " + name
		if len(p.Spec.PodSelector.MatchLabels) == 0 {
			closed = len(p.Spec.PolicyTypes) == 2 && len(p.Spec.Ingress) == 0 && len(p.Spec.Egress) == 0
			continue
		}
		var found []*appsv1.Deployment
		for _, d := range c.deployments {
			if matches(&p.Spec.PodSelector, d.Spec.Template.Labels) {
				found = append(found, d)
			}
		}
		if len(found) == 0 {
			f.add("%s: selects no pods", where)
		}
		for _, rule := range p.Spec.Ingress {
			if len(rule.From) == 0 || len(rule.Ports) == 0 {
				f.add("%s: lets everybody in, or to every port", where)
			}
			for _, port := range rule.Ports {
				for _, d := range found {
					if port.Port == nil || !hasPort(d, *port.Port) {
						f.add("%s: %s has no port %v", where, d.Name, port.Port)
					}
				}
			}
		}
		for _, rule := range p.Spec.Egress {
			if len(rule.To) == 0 || len(rule.Ports) == 0 {
				f.add("%s: lets pods reach everything, or every port", where)
			}
		}
	}
	if !closed {
		f.add("no NetworkPolicy closes what the others do not open")
	}
}

// adapterValues is the part of the prometheus-adapter chart's values that is
// used.
type adapterValues struct {
	Rules struct {
		External []struct {
			SeriesQuery  string              `json:"seriesQuery"`
			Resources    map[string]any      `json:"resources"`
			Name         struct{ As string } `json:"name"`
			MetricsQuery string              `json:"metricsQuery"`
		} `json:"external"`
	} `json:"rules"`
}

func (c *cluster) scaling(f *findings, adapter []byte) {
	var values adapterValues
	if err := yaml.UnmarshalStrict(adapter, &values); err != nil {
		f.add("the adapter's values: %v", err)
	}
	for name, d := range c.deployments {
		h := c.scalers[name]
		if h == nil {
			f.add("Deployment %s: has no HorizontalPodAutoscaler", name)
			continue
		}
		where := "HorizontalPodAutoscaler " + name
		ref := h.Spec.ScaleTargetRef
		if ref.Kind != "Deployment" || ref.APIVersion != "apps/v1" || ref.Name != name {
			f.add("%s: scales %s %s", where, ref.Kind, ref.Name)
		}
		if h.Spec.MinReplicas == nil || *h.Spec.MinReplicas < *d.Spec.Replicas || h.Spec.MaxReplicas <= *h.Spec.MinReplicas {
			f.add("%s: scales from %v to %d", where, h.Spec.MinReplicas, h.Spec.MaxReplicas)
		}
		if len(h.Spec.Metrics) == 0 {
			f.add("%s: has no metric", where)
		}
		for _, m := range h.Spec.Metrics {
			if m.Type != autoscalingv2.ExternalMetricSourceType {
				continue
			}
			known := false
			for _, e := range values.Rules.External {
				known = known || e.Name.As == m.External.Metric.Name && strings.HasPrefix(e.SeriesQuery, m.External.Metric.Name+"{")
			}
			if !known {
				f.add("%s: the adapter serves no metric %s", where, m.External.Metric.Name)
			}
		}
	}
	if h := c.scalers["plugin-worker"]; h == nil || len(h.Spec.Metrics) != 1 || h.Spec.Metrics[0].External == nil || h.Spec.Metrics[0].External.Metric.Name != "plugin_queue_age_seconds" {
		f.add("the workers are not scaled by the age of the queue")
	}
}
