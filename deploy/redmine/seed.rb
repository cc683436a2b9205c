# What every Redmine of up.sh starts with; run by `rails runner` after Redmine's
# default data. Arguments: the text format, the file for the JSON.
format, out = ARGV

# No mails: their texts are rendered in a thread of its own, and two threads in
# Redcarpet at a time end the whole process.
{ rest_api_enabled: '1', login_required: '0', text_formatting: format, notified_events: [] }.each { |name, value| Setting[name] = value }

admin = User.find_by!(login: 'admin')
admin.update!(must_change_passwd: false, password: 'admin12345', password_confirmation: 'admin12345')

trackers = Tracker.sorted.to_a
field = lambda do |name, kind, more|
  IssueCustomField.create!({ name: name, field_format: kind, trackers: trackers }.merge(more)).id
end
fields = {
  marker: field.call('Productboard ID', 'string', is_for_all: true, is_filter: true, searchable: true),
  link: field.call('Productboard link', 'link', is_for_all: true),
  required: field.call('Cost centre', 'string', is_required: true)
}
project = Project.create!(name: 'Push', identifier: 'push', trackers: trackers, enabled_module_names: ['issue_tracking'])

File.write(out, JSON.generate(apiKey: admin.api_key, project: project.identifier, fields: fields))
