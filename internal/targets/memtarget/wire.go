package memtarget

// The API's JSON, shared by the handler and the driver.

const (
	headerKey       = "X-API-Key"
	headerRequestID = "X-Request-Id"
)

type newIssue struct {
	Marker      string   `json:"marker"`
	Title       string   `json:"title"`
	Description string   `json:"description,omitempty"`
	Link        string   `json:"link,omitempty"`
	Labels      []string `json:"labels,omitempty"`
	Reporter    string   `json:"reporter,omitempty"`
}

type projectInfo struct {
	Key string `json:"key"`
}

type issueList struct {
	Issues []Record `json:"issues"`
}

type newStatus struct {
	Status string `json:"status"`
}

type newComment struct {
	Text string `json:"text"`
}

type failure struct {
	Errors []string `json:"errors"`
}
