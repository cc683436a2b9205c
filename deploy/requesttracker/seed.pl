# What the tests need in a fresh Request Tracker: two queues whose accounts do
# not see each other's tickets, a custom field for our marker on all tickets,
# and tokens. Prints JSON; up.sh adds the address.
use strict;
use warnings;
use JSON;
use RT -init;

sub must { my ($id, @rest) = @_; die "$rest[-1]\n" unless $id; return $id }

my $system = RT->SystemUser;
my %out;

my $field = RT::CustomField->new($system);
must($field->Create(Name => 'Productboard ID', Type => 'FreeformSingle', LookupType => RT::Ticket->CustomFieldLookupType));
must($field->AddToObject(RT::Queue->new($system)));
my $everyone = RT::Group->new($system);
$everyone->LoadSystemInternalGroup('Everyone');

sub account {
    my ($name, $queue_name) = @_;
    my $user = RT::User->new($system);
    must($user->Create(Name => $name, Privileged => 1, EmailAddress => "$name\@example.net"));
    my $queue = RT::Queue->new($system);
    must($queue->Create(Name => $queue_name));
    must($user->PrincipalObj->GrantRight(Right => $_, Object => $queue))
        for qw(SeeQueue ShowTicket CreateTicket ReplyToTicket CommentOnTicket ModifyTicket ShowTicketComments SeeCustomField ModifyCustomField SetInitialCustomField);
    return { queue => $queue_name, token => token($user) };
}

sub token {
    my ($user) = @_;
    must($user->PrincipalObj->GrantRight(Right => 'ManageAuthTokens', Object => RT->System))
        unless $user->HasRight(Right => 'ManageAuthTokens', Object => RT->System);
    my $token = RT::AuthToken->new(RT::CurrentUser->new($user));
    my ($id, $msg, $secret) = $token->Create(Owner => $user->Id, Description => 'tests');
    must($id, $msg);
    return $secret;
}

# Nobody reads the mails that RT would make of each ticket, and making them of
# long HTML takes it seconds.
my $scrips = RT::Scrips->new($system);
$scrips->UnLimit;
while (my $scrip = $scrips->Next) { must($scrip->SetDisabled(1)) }

$out{mine}       = account('pusher', 'push');
$out{other}      = account('stranger', 'elsewhere');
print JSON->new->canonical->encode(\%out), "\n";
