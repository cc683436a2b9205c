package linear

import "strings"

// The GraphQL documents that are sent, each with one operation. Everything
// that changes from call to call is a variable.

// document is one operation, with its name behind the first word.
type document string

func (d document) name() string {
	_, rest, _ := strings.Cut(string(d), " ")
	end := strings.IndexAny(rest, " (")
	return rest[:max(end, 0)]
}

const issueFields = `id identifier url title trashed archivedAt autoArchivedAt previousIdentifiers state { id name type color }`

const (
	listTeams document = `query Teams {
  viewer { id }
  teams(first: 250) { nodes { id key name retiredAt } }
}`

	readTeam document = `query Team($id: String!) {
  team(id: $id) {
    id issueEstimationType
    states(first: 100) { nodes { id name type position } }
    projects(first: 250) { nodes { id name slugId } }
  }
}`

	checkTeam document = `query TeamExists($id: String!) {
  team(id: $id) { id }
}`

	checkReading document = `query TeamIssues($id: String!) {
  team(id: $id) { id issues(first: 1) { nodes { id } } }
}`

	listLabels document = `query Labels($filter: IssueLabelFilter!, $after: String) {
  issueLabels(first: 250, after: $after, filter: $filter) {
    nodes { id name parent { id } }
    pageInfo { hasNextPage endCursor }
  }
}`

	findUser document = `query User($filter: UserFilter!) {
  users(first: 5, filter: $filter) { nodes { id email active } }
}`

	readIssue document = `query Issue($id: String!) {
  issue(id: $id) { ` + issueFields + ` }
}`

	// Linear leaves archived issues, and with them the trash, out of lists unless
	// they are asked for.
	readIssues document = `query Issues($filter: IssueFilter!) {
  issues(filter: $filter, includeArchived: true, first: 100) { nodes { ` + issueFields + ` } }
}`

	readIssueStates document = `query IssueStates($id: String!) {
  issue(id: $id) {
    ` + issueFields + `
    team { states(first: 100) { nodes { id name type position } } }
  }
}`

	createIssue document = `mutation CreateIssue($input: IssueCreateInput!) {
  issueCreate(input: $input) { success issue { ` + issueFields + ` } }
}`

	createLinkedIssue document = `mutation CreateLinkedIssue($input: IssueCreateInput!, $link: AttachmentCreateInput!) {
  issueCreate(input: $input) { success issue { ` + issueFields + ` } }
  attachmentCreate(input: $link) { success }
}`

	updateIssue document = `mutation UpdateIssue($id: String!, $input: IssueUpdateInput!) {
  issueUpdate(id: $id, input: $input) { success issue { ` + issueFields + ` } }
}`

	createComment document = `mutation CreateComment($input: CommentCreateInput!) {
  commentCreate(input: $input) { success }
}`

	listWebhooks document = `query Webhooks($after: String) {
  webhooks(first: 250, after: $after) {
    nodes { id url team { id } }
    pageInfo { hasNextPage endCursor }
  }
}`

	createWebhook document = `mutation CreateWebhook($input: WebhookCreateInput!) {
  webhookCreate(input: $input) { success webhook { id } }
}`

	updateWebhook document = `mutation UpdateWebhook($id: String!, $input: WebhookUpdateInput!) {
  webhookUpdate(id: $id, input: $input) { success webhook { id } }
}`

	deleteWebhook document = `mutation DeleteWebhook($id: String!) {
  webhookDelete(id: $id) { success }
}`
)
