package pbapi

// Trigger says which button was clicked.
type Trigger string

// The triggers.
const (
	// TriggerPush connects an entity.
	TriggerPush Trigger = "button.push"
	// TriggerUnlink removes the connection.
	TriggerUnlink Trigger = "button.unlink"
	// TriggerDismiss closes the pop-up of an error.
	TriggerDismiss Trigger = "button.dismiss"
)

// ActionNotification is the body that Productboard POSTs to the action URL, waiting at
// most 5 seconds for the answer. Nothing in it is signed: it is only as
// trustworthy as the Authorization value beside it, and its links must not be
// called.
type ActionNotification struct {
	Data ActionData `json:"data"`
}

// ActionData is one click. IntegrationID, Trigger and Feature are always
// there.
type ActionData struct {
	IntegrationID   string        `json:"integrationId"`
	Trigger         Trigger       `json:"trigger"`
	Feature         ActionFeature `json:"feature"`
	TriggeredByUser *ActionUser   `json:"triggeredByUser,omitempty"`
	Links           *ActionLinks  `json:"links,omitempty"`
}

// ActionFeature names the entity, of whatever type it is.
type ActionFeature struct {
	ID    string      `json:"id"`
	Links EntityLinks `json:"links"`
}

// ActionUser is who clicked.
type ActionUser struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

// ActionLinks holds the connection's address.
type ActionLinks struct {
	Connection string `json:"connection"`
}
