package shortcutfake

import (
	"hash/fnv"
	"maps"
	"strconv"
)

// How things look on the wire: the published schema wants all of it.

func address(kind string, id int) string {
	return "https://app.shortcut.com/example/" + kind + "/" + strconv.Itoa(id)
}

func global(kind string, id int) string { return "v2:" + kind + ":" + strconv.Itoa(id) }

func orNull[T comparable](v T) any {
	var none T
	if v == none {
		return nil
	}
	return v
}

func list[T any](v []T) []T {
	if v == nil {
		return []T{}
	}
	return v
}

// common returns the fields that a story and its slim form both have.
func (s *Story) common() map[string]any {
	fields := []any{}
	for _, f := range s.Fields {
		fields = append(fields, map[string]any{"field_id": f.Field, "value_id": f.Value, "value": "Backend"})
	}
	labels, ids := []any{}, []int64{}
	for _, l := range s.Labels {
		h := fnv.New32a()
		_, _ = h.Write([]byte(l))
		id := int64(h.Sum32())
		ids = append(ids, id)
		labels = append(labels, map[string]any{"app_url": address("label", int(id)), "description": nil, "archived": false, "entity_type": "label", "color": "#ff0000",
			"name": l, "global_id": global("l", int(id)), "updated_at": when, "external_id": nil, "id": id, "created_at": when})
	}
	workflow := Engineering
	if s.State == Sketch {
		workflow = Design
	}
	none := []any{}
	return map[string]any{"app_url": address("story", s.ID), "description": s.Description, "archived": s.Archived, "started": s.State == InProgress, "story_links": none,
		"entity_type": "story", "labels": labels, "mention_ids": none, "member_mention_ids": none, "story_type": s.Type, "custom_fields": fields,
		"workflow_id": workflow, "completed_at_override": nil, "started_at": nil, "completed_at": nil, "name": s.Name, "global_id": global("s", s.ID), "completed": s.State == Completed,
		"blocker": false, "epic_id": orNull(s.Epic), "story_template_id": nil, "external_links": list(s.Links), "previous_iteration_ids": none, "requested_by_id": s.Requester,
		"iteration_id": orNull(s.Iteration), "label_ids": ids, "started_at_override": nil, "group_id": orNull(s.Group), "workflow_state_id": s.State, "updated_at": when,
		"group_mention_ids": none, "follower_ids": none, "owner_ids": list(s.Owners), "external_id": orNull(s.ExternalID), "id": s.ID, "estimate": s.Estimate, "position": s.ID,
		"blocked": false, "project_id": nil, "deadline": orNull(s.Deadline), "stats": map[string]any{"num_related_documents": 0}, "created_at": when, "moved_at": when}
}

func (s *Story) whole() map[string]any {
	out, none := s.common(), []any{}
	comments := []any{}
	for _, c := range s.Comments {
		comments = append(comments, comment(s.ID, c))
	}
	maps.Copy(out, map[string]any{"linked_files": none, "comments": comments, "branches": none, "tasks": none, "pull_requests": none, "commits": none, "files": none})
	return out
}

func (s *Story) slim() map[string]any {
	out, none := s.common(), []any{}
	delete(out, "description") // only if it was asked for
	maps.Copy(out, map[string]any{"task_ids": none, "file_ids": none, "num_tasks_completed": 0, "linked_file_ids": none, "comment_ids": none})
	return out
}

func comment(story int, text string) map[string]any {
	none := []any{}
	return map[string]any{"app_url": address("story", story) + "#activity-1", "entity_type": "story-comment", "deleted": false, "story_id": story, "mention_ids": none,
		"author_id": JaneID, "member_mention_ids": none, "linked_to_slack": false, "updated_at": when, "group_mention_ids": none, "external_id": nil, "id": 9000 + story,
		"position": 1, "reactions": none, "created_at": when, "text": text}
}

func workflows() []any {
	state := func(id int, name, typ, color string) map[string]any {
		return map[string]any{"description": "", "entity_type": "workflow-state", "color": color, "verb": nil, "name": name, "global_id": global("ws", id), "num_stories": 0,
			"type": typ, "updated_at": when, "id": id, "num_story_templates": 0, "position": id, "created_at": when}
	}
	flow := func(id int, name string, first int, states ...any) map[string]any {
		return map[string]any{"description": "", "entity_type": "workflow", "project_ids": []any{}, "states": states, "name": name, "updated_at": when, "auto_assign_owner": false,
			"id": id, "team_id": 1, "created_at": when, "default_state_id": first}
	}
	return []any{
		flow(Design, "Design", Sketch, state(Sketch, "Sketch", "unstarted", "#ffffff")),
		flow(Engineering, "Engineering", Ready, state(Backlog, "Backlog", "backlog", "#b2b2b2"), state(Ready, "Ready for Development", "unstarted", "#5e6ad2"),
			state(InProgress, "In Development", "started", "#ffcc00"), state(Completed, "Completed", "done", "#339933")),
	}
}

func groups() []any {
	group := func(id, name string, archived bool) map[string]any {
		return map[string]any{"app_url": "https://app.shortcut.com/example/team/" + id, "description": "", "archived": archived, "entity_type": "group", "color": nil,
			"num_stories_started": 0, "mention_name": "team-" + id[len(id)-1:], "name": name, "global_id": "v2:g:" + id, "color_key": nil, "num_stories": 0,
			"num_epics_started": 0, "updated_at": when, "num_stories_backlog": 0, "id": id, "display_icon": icon(), "member_ids": []any{JaneID}, "workflow_ids": []any{Design}, "created_at": when}
	}
	return []any{group(Web, "Web", false), group("63000000-0000-4000-8000-000000000002", "Gone", true)}
}

func me() map[string]any {
	return map[string]any{"id": JaneID, "is_owner": false, "mention_name": "jane", "name": "Jane Doe", "role": "member", "organization2": map[string]any{"id": "66000000-0000-4000-8000-000000000001"},
		"workspace2": map[string]any{"id": "67000000-0000-4000-8000-000000000001", "created_at": when, "default_workflow_id": Engineering, "estimate_scale": []any{1, 2, 4}, "name": "Example", "url_slug": "example", "utc_offset": "+00:00"}}
}

func members() []any {
	member := func(id, email string, disabled bool) map[string]any {
		state := "full"
		if disabled {
			state = "disabled"
		}
		return map[string]any{"role": "member", "entity_type": "member", "disabled": disabled, "global_id": "v2:m:" + id, "state": state, "updated_at": when,
			"created_without_invite": false, "group_ids": []any{}, "id": id, "created_at": when,
			"profile": map[string]any{"entity_type": "profile", "deactivated": disabled, "mention_name": "m", "name": "M", "gravatar_hash": nil, "id": id, "display_icon": icon(),
				"is_owner": false, "email_address": orNull(email)}}
	}
	return []any{member("61000000-0000-4000-8000-000000000009", "", false), member("61000000-0000-4000-8000-000000000002", Joe, true), member(JaneID, "Jane@example.com", false)}
}

func customFields() []any {
	value := func(id, name string, enabled bool) map[string]any {
		return map[string]any{"id": id, "value": name, "position": 1, "color_key": nil, "entity_type": "custom-field-enum-value", "enabled": enabled}
	}
	field := func(id, name string, enabled bool, types []string, values ...any) map[string]any {
		return map[string]any{"entity_type": "custom-field", "story_types": types, "name": name, "updated_at": when, "id": id, "values": values, "field_type": "enum",
			"position": 1, "enabled": enabled, "created_at": when}
	}
	return []any{
		field(Component, "Component", true, []string{"feature", "bug"}, value(Backend, "Backend", true), value("65000000-0000-4000-8000-000000000002", "Legacy", false)),
		field(Severity, "Severity", true, []string{"bug"}, value("65000000-0000-4000-8000-000000000003", "High", true)),
		field("64000000-0000-4000-8000-000000000003", "Old", false, []string{}, value("65000000-0000-4000-8000-000000000004", "x", true)),
	}
}

func epic(id int, name string, archived bool) map[string]any {
	none := []any{}
	return map[string]any{"app_url": address("epic", id), "archived": archived, "started": false, "entity_type": "epic", "labels": none, "mention_ids": none, "member_mention_ids": none,
		"associated_groups": none, "project_ids": none, "stories_without_projects": 0, "completed_at_override": nil, "productboard_plugin_id": nil, "started_at": nil, "completed_at": nil,
		"objective_ids": none, "name": name, "global_id": global("e", id), "completed": false, "productboard_url": nil, "planned_start_date": nil, "state": "to do", "milestone_id": nil,
		"requested_by_id": JaneID, "epic_state_id": 1, "label_ids": none, "started_at_override": nil, "group_id": nil, "updated_at": when, "group_mention_ids": none, "productboard_id": nil,
		"follower_ids": none, "group_ids": none, "owner_ids": none, "external_id": nil, "id": id, "position": 1, "productboard_name": nil, "deadline": nil, "created_at": when,
		"stats": epicStats()}
}

func wholeEpic(id int, name string, archived bool) map[string]any {
	out := epic(id, name, archived)
	maps.Copy(out, map[string]any{"description": "", "comments": []any{}})
	return out
}

func epicStats() map[string]any {
	return map[string]any{"num_points_done": 0, "num_related_documents": 0, "num_stories_unstarted": 0, "num_stories_total": 0, "last_story_update": nil, "num_points_started": 0,
		"num_points_unstarted": 0, "num_stories_started": 0, "num_stories_unestimated": 0, "num_stories_backlog": 0, "num_points_backlog": 0, "num_points": 0, "num_stories_done": 0}
}

func iteration() map[string]any {
	none := []any{}
	return map[string]any{"app_url": address("iteration", Sprint), "description": "", "entity_type": "iteration", "labels": none, "mention_ids": none, "member_mention_ids": none,
		"associated_groups": none, "name": "Sprint 9", "global_id": global("i", Sprint), "label_ids": none, "updated_at": when, "group_mention_ids": none, "end_date": when,
		"follower_ids": none, "group_ids": none, "start_date": when, "status": "started", "id": Sprint, "stats": map[string]any{}, "created_at": when}
}

func icon() map[string]any {
	return map[string]any{"entity_type": "icon", "id": "68000000-0000-4000-8000-000000000001", "created_at": when, "updated_at": when, "url": "https://example.com/icon.png"}
}
