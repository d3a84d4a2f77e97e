"""Each promise's test notices when the handler that keeps the promise is switched off (`make test-deep`).

A row of the table: which promise, the handler that is switched off (as `tests.switching` says), and which of the promise's tests
has to fail then, by some words of its name.
"""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import switching

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("test_[0-9][0-9]_*.py"))
RUN_LIMIT_S = 240


@dataclass(frozen=True)
class Switch:
    promise: int
    handler: str
    notices: str

    @property
    def tests(self) -> list[tuple[Path, str]]:
        """Those that have to fail: file and name."""
        name = re.compile(rf"^async def (test_{self.promise:02d}_\w*{self.notices}\w*)", re.MULTILINE)
        return [(path, found) for path in FILES for found in name.findall(path.read_text())]

    def __str__(self) -> str:
        return f"{self.promise:02d} {self.handler} {self.notices}"


TABLE = [
    Switch(1, "livecore.platform.growing:_FileWriter._write", "an_upload_in_three_parts"),
    Switch(1, "livecore.library.uploads:Uploads._commit", "an_upload_in_three_parts"),
    Switch(2, "livecore.rest.ranges:parse_ranges", "a_range_answers_those_bytes"),
    Switch(2, "livecore.rest.ranges:parse_ranges", "multipart_byteranges"),
    Switch(2, "livecore.rest.ranges:parse_ranges=((0, 1),)", "past_the_end_is_416"),
    Switch(2, "livecore.rest.ranges:_range_holds=True", "a_broken_off_download"),
    Switch(2, "livecore.rest.ranges:_matches=False", "what_the_client_has"),
    Switch(2, "livecore.rest.objects:attachment='inline'", "as_an_attachment"),
    Switch(3, "livecore.rooms.admission:check_direct='deliver'", "a_stranger_gets_not_friends"),
    Switch(3, "livecore.rooms.admission:check_direct='deliver'", "as_a_request"),
    Switch(3, "livecore.rooms.service:_client_key", "arrives_once"),
    Switch(3, "livecore.rooms.fanout:Hub.on_items", "arrives_once"),
    Switch(4, "livecore.people.discovery:Discovery._unfit=set()", "nobody_else"),
    Switch(4, "livecore.people.relations:RelationStore.blocked_either_way=set()", "nobody_else"),
    Switch(4, "livecore.accounts.profiles:Profiles._sees=True", "nobody_else"),
    Switch(4, "livecore.accounts.records:Person.is_active=True", "nobody_else"),
    Switch(4, "livecore.accounts.records:Person.is_verified=True", "nobody_else"),
    Switch(4, "livecore.people.discovery:Discovery._mutual={}", "friends_of_friends_come_first"),
    Switch(4, "livecore.people.service:People._after", "reaches_the_other_at_once"),
    Switch(4, "livecore.people.relations:RelationStore.allows=True", "takes_no_requests"),
    Switch(4, "livecore.platform.limits:RateLimiter.hit", "requests_of_a_day_are_limited"),
    Switch(5, "livecore.library.video_shares:VideoShares.share={'shares': 1}", "once_per_key"),
    Switch(6, "livecore.people.relations:RelationStore.blocked_either_way=set()", "blocked_or_deleted"),
    Switch(7, "livecore.rooms.live:LiveHub._tell", "watched_counted"),
    Switch(7, "livecore.rooms.live:LiveHub.end", "watched_counted"),
    Switch(7, "livecore.lives.course:Course.recording_finished=True", "becomes_a_replay"),
    Switch(7, "livecore.lives.course:Course.recording_finished=False", "without_replay"),
    Switch(8, "livecore.library.magic:video_container='mov';livecore.pictures:check_kind='JPEG'", "415_whatever"),
    Switch(8, "livecore.library.uploads:Uploads._complete={}", "uploaded_and_seen"),
    Switch(9, "livecore.trust.sharing:SharingNotices.with_message", "the_notice_comes"),
    Switch(9, "livecore.library.videos:Videos.file={}", "not_offered_for_download"),
    Switch(10, "livecore.rest.endpoint:Endpoint._admit", "answers_401_without_a_token"),
    Switch(11, "livecore.rest.reading:fields_of=[]", "no_such_thing_is_named"),
    Switch(11, "livecore.rest.reading:fields_of=[]", "every_missing_field"),
    Switch(11, "livecore.accounts.registration:Registration._insert", "all_present_gives_an_account"),
    Switch(12, "livecore.accounts.registration:Registration._refuse_taken", "fifty_at_once"),
    Switch(12, "livecore.accounts.registration:Registration._refuse_taken", "looks_like_a_taken_one"),
    Switch(13, "livecore.accounts.passwords:Passwords.hash='$argon2id$v=19$m=8192,t=1,p=1$c2FsdHNhbHQ$aGFzaA'", "enough_work"),
    Switch(13, "livecore.accounts.passwords:Passwords.hash='Xq7 zebra-marker 41'", "in_no_log_file_or_answer"),
    Switch(13, "livecore.accounts.passwords:Passwords.is_weaker=False", "a_weaker_hash"),
    Switch(14, "livecore.accounts.codes:refuse", "the_code_works_once"),
    Switch(14, "livecore.accounts.codes:refuse", "another_persons_code"),
    Switch(14, "livecore.accounts.post:Post.send_letter", "counts_once_it_is_confirmed"),
    Switch(14, "livecore.accounts.verification:Verification.prepare", "somebody_elses_address"),
    Switch(14, "livecore.accounts.verification:Verification._withdraw_pending", "called_off"),
    Switch(15, "livecore.accounts.codes:refuse", "five_wrong_tries"),
    Switch(15, "livecore.accounts.codes:refuse", "ten_minutes"),
    Switch(15, "livecore.accounts.codes:Codes.withdraw", "the_last_one_counts"),
    Switch(16, "livecore.accounts.birth:is_adult=True", "eighteenth_birthday"),
    Switch(16, "livecore.accounts.birth:is_plausible=True", "a_day_that_cannot_be"),
    Switch(17, "livecore.accounts.registration:check_age", "a_refusal_leaves_no_trace"),
    Switch(17, "livecore.accounts.registration:check_age", "the_keys_made_for_a_refusal"),
    Switch(17, "livecore.accounts.registration:check_age", "are_not_remembered"),
    Switch(18, "livecore.app:App.check_principal", "shown_and_needed"),
    Switch(18, "livecore.accounts.records:Person.is_verified=True", "shown_and_needed"),
    Switch(18, "livecore.accounts.post:Post.send_letter", "told_by_mail"),
    Switch(19, "livecore.accounts.sessions:Sessions.end", "a_replay_ends_the_whole_family"),
    Switch(19, "livecore.signaling.signals:BusSignals.cut_session", "a_replay_ends_the_whole_family"),
    Switch(19, "livecore.accounts.sessions:Sessions.end_one", "listed_and_ended"),
    Switch(19, "livecore.signaling.signals:BusSignals.cut_session", "listed_and_ended"),
    Switch(19, "livecore.accounts.principals:Principals._forget", "listed_and_ended"),
    Switch(19, "livecore.accounts.sessions:Sessions.end", "signing_out_ends"),
    Switch(19, "livecore.accounts.sessions:Sessions.end_all", "a_password_change_ends"),
    Switch(19, "livecore.accounts.recovery:Recovery.forgot", "a_forgotten_password"),
    Switch(19, "livecore.accounts.recovery:refuse", "a_forgotten_password"),
    Switch(19, "livecore.accounts.passwords:Passwords.verify=True", "told_alike"),
    Switch(20, "livecore.accounts.avatars:Avatars.read=b'MARKER'", "made_anew_in_three_sizes"),
    Switch(20, "livecore.pictures:kind_of='JPEG'", "what_is_no_picture"),
    Switch(20, "livecore.accounts.profiles:Profiles.may_see_avatar=True", "to_whom_it_was_shown"),
    Switch(20, "livecore.accounts.avatars:Avatars.set_disabled", "a_takedown_hides_it"),
    Switch(22, "livecore.accounts.records:Records._open_column='1990-01-01'", "a_fresh_profile"),
    Switch(21, "livecore.accounts.service:Accounts.update", "set_cleared_and_length_checked"),
    Switch(23, "livecore.people.contacts:Contacts._match=set()", "full_then_incremental"),
    Switch(24, "livecore.people.contacts:Contacts.phone_confirmed", "told_of_when_they_join"),
    Switch(25, "livecore.people.contacts:Contacts.sync", "ones_word_is_kept"),
    Switch(25, "livecore.rest.endpoint:read_json", "without_ones_word"),
    Switch(26, "livecore.platform.quota:StoredQuota.take", "new_numbers_are_limited"),
    Switch(26, "livecore.accounts.profiles:Profiles._sees=True", "not_found_by_phone"),
    Switch(27, "livecore.people.contacts:Contacts.delete_all", "one_by_one_and_all"),
    Switch(30, "livecore.people.blocks:Blocks.block", "on_every_surface"),
    Switch(30, "livecore.people.relations:RelationStore.changed", "on_every_surface"),
    Switch(30, "livecore.people.relations:RelationStore.blocked_either_way=set()", "on_every_surface"),
    Switch(30, "livecore.people.blocks:Blocks.unblock", "on_every_surface"),
    Switch(30, "livecore.people.blocks:Blocks.unblock", "from_each_side"),
    Switch(30, "livecore.rooms.service:Messages._withheld_from=()", "in_a_shared_group"),
    Switch(30, "livecore.people.blocks:Blocks.block", "the_other_is_not_told"),
    Switch(28, "livecore.rooms.membership:Conversations.rename", "renamed_pictured"),
    Switch(29, "livecore.rooms.fanout:Hub.on_items", "one_send_to_a_hundred"),
    Switch(34, "livecore.people.contact_cards:ContactCards.check_contact", "hidden_number"),
    Switch(41, "livecore.viewing.views:Views.report", "summed_and_capped"),
    Switch(42, "livecore.feed.shares:Shares.note", "one_row_in_the_export"),
    Switch(48, "livecore.feed.choices:Choices.add", "does_not_interest"),
    Switch(70, "livecore.trust.notices:Notices.mark_read=0", "until_it_is_read"),
    Switch(84, "livecore.rooms.attachments:Attachments.get", "signed_address"),
    Switch(31, "livecore.rooms.admission:in_audience=True", "who_can_message_is_held"),
    Switch(31, "livecore.people.relations:RelationStore.allows=True", "in_each_other_way"),
    Switch(32, "livecore.accounts.profiles:Profiles._sees=False", "shown_to_anyone_with_an_account"),
    Switch(33, "livecore.accounts.profiles:Profiles._sees=True", "each_field_is_shown_to_its_audience"),
    Switch(35, "livecore.privacy.exporting:Exports._pack_table={'table': 'none'}", "everything_kept"),
    Switch(35, "livecore.privacy.exporting:Exports._pack_objects=[]", "everything_kept"),
    Switch(36, "livecore.accounts.service:Accounts.update", "seen_by_the_next_read"),
    Switch(36, "livecore.rest.api:Call.if_match", "a_stale_tag"),
    Switch(37, "livecore.privacy.erasure:Erasure._erase_rows", "after_deletion_nothing_leads"),
    Switch(37, "livecore.privacy.erasure:Erasure.schedule", "after_the_grace_period"),
    Switch(37, "livecore.privacy.erasure:Erasure.cancel=True", "time_to_think_again"),
    Switch(38, "livecore.insight.telemetry:Telemetry._allowed={'usage', 'crash'}", "nothing_is_analysed"),
    Switch(38, "livecore.accounts.news:News.wants=True", "nothing_is_analysed"),
    Switch(39, "livecore.accounts.preferences:Preferences.change", "keeps_it"),
    Switch(39, "livecore.accounts.controls:Control.admits=True", "what_is_no_setting"),
    Switch(40, "livecore.insight.telemetry:Telemetry._insert=[]", "each_event_once"),
    Switch(43, "livecore.insight.device_facts:DeviceFacts.forget_advertising_id", "deleted_on_its_own"),
    Switch(44, "livecore.accounts.activity:ActivityLog.add", "it_pages_what_one_did"),
    Switch(45, "livecore.insight.telemetry:signature='1'", "grouped_by_signature"),
    Switch(46, "livecore.insight.telemetry:Telemetry.expire", "after_their_days"),
    Switch(47, "livecore.accounts.news:News.wants=True", "who_asked_for_it"),
    Switch(47, "livecore.accounts.news:News.wants=True", "leads_past_it"),
    Switch(49, "livecore.insight.experiments:Experiments.of={}", "assigned_stably"),
    Switch(50, "livecore.privacy.schema:Declared.of_subject=True", "who_is_blocked"),
    Switch(60, "livecore.trust.holds:LegalHolds.preserve", "messages_and_logs"),
    Switch(60, "livecore.trust.holds:LegalHolds.held=False", "a_deletion_waits"),
    Switch(65, "livecore.rest.endpoint:_none_match=False", "with_its_date_and_a_validator"),
    Switch(65, "livecore.trust.policies:date_of='never'", "with_its_date_and_a_validator"),
    Switch(65, "livecore.trust.policies:date_of='never'", "has_the_date_on_top"),
    Switch(65, "livecore.rest.policies:_known='privacy'", "an_unknown_policy"),
    Switch(66, "livecore.trust.policies:Policies.versions=[]", "each_version_has_its_summary"),
    Switch(66, "livecore.trust.policies:Policies.publish", "a_summary_of_its_own"),
    Switch(66, "livecore.rest.endpoint:Endpoint._admit", "only_legal_staff"),
    Switch(72, "livecore.app:App.check_principal", "who_declines_keeps"),
    Switch(73, "livecore.trust.policies:Policies.record_acceptance", "stores_the_versions"),
    Switch(73, "livecore.trust.policies:Policies.check_acceptance={'privacy': 1, 'terms': 1}", "without_agreeing"),
    Switch(75, "livecore.trust.elements:missing=[]", "without_one_element"),
    Switch(75, "livecore.trust.elements:missing=[]", "a_statement_that_is_not_made"),
    Switch(75, "livecore.trust.elements:missing=[]", "each_part_of_the_contact"),
    Switch(75, "livecore.library.videos:Videos.owner_of='somebody'", "about_nothing"),
    Switch(75, "livecore.trust.audit:AuditLog.record", "confirmed_followed_and_sealed"),
    Switch(75, "livecore.rest.endpoint:Endpoint._admit", "only_legal_staff"),
    Switch(75, "livecore.trust.targets:Takedowns.restore=True", "gives_back"),
    Switch(76, "livecore.library.videos:Videos.disable", "from_feed_link_download"),
    Switch(76, "livecore.trust.notices:Notices.notify", "from_feed_link_download"),
    Switch(76, "livecore.accounts.avatars:Avatars.set_disabled", "a_profile_picture_is_gone"),
    Switch(76, "livecore.trust.notices:Notices.notify", "a_profile_picture_is_gone"),
    Switch(76, "livecore.accounts.takedowns:ProfileTakedowns.disable", "a_profile_name_gives_way"),
    Switch(76, "livecore.lives.service:Lives.disable", "a_live_ends"),
    Switch(76, "livecore.lives.service:Lives.disabled_now", "a_live_ends"),
    Switch(76, "livecore.feed.posts:Posts.disable", "a_post_and_a_comment"),
    Switch(76, "livecore.talk.comments:Comments.disable", "a_post_and_a_comment"),
    Switch(76, "livecore.trust.elements:missing_of_counter=[]", "staff_restore"),
    Switch(76, "livecore.trust.targets:Takedowns.restore=True", "staff_restore"),
    Switch(83, "livecore.rooms.sqlite_store:SqliteStore.retire=[]", "no_table_file_or_log_holds"),
    Switch(83, "livecore.rooms.sqlite_store:_mark=1", "no_table_file_or_log_holds"),
    Switch(83, "livecore.platform.keys:SqlKeys.destroy", "cannot_be_unsealed"),
    Switch(83, "livecore.rooms.bodies:delete_expired={}", "never_after"),
    Switch(86, "livecore.rest.openapi:implied_errors=set()", "no_generated_request"),
]


@pytest.mark.parametrize("switch", TABLE, ids=str)
def test_the_handlers_and_tests_of_the_table_are_there(switch: Switch) -> None:
    for target in switch.handler.split(";"):
        switching.find(target)
    assert len(switch.tests) == 1, switch.tests


def test_every_promise_that_has_a_test_is_in_the_table() -> None:
    tested = {int(number) for path in FILES for number in re.findall(r"^async def test_(\d\d)_", path.read_text(), re.MULTILINE)}
    assert tested == {switch.promise for switch in TABLE}


@pytest.mark.deep
@pytest.mark.timeout(RUN_LIMIT_S + 30)
@pytest.mark.parametrize("switch", TABLE, ids=str)
def test_the_promise_is_seen_to_fail(switch: Switch, tmp_path: Path) -> None:
    [(path, name)] = switch.tests
    results = tmp_path / "results.xml"
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "tests.switching",
            "-x",
            "-q",
            "-p",
            "no:cacheprovider",
            f"--junitxml={results}",
            f"{path}::{name}",
        ],
        env=os.environ | {switching.VARIABLE: switch.handler},
        cwd=HERE.parent.parent,
        capture_output=True,
        text=True,
        timeout=RUN_LIMIT_S,
    )
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    failures = [str(failure.get("message")) for failure in ElementTree.parse(results).iter("failure")]
    assert any(message.startswith(("assert", "AssertionError", "Failed: DID NOT RAISE")) for message in failures), done.stdout + done.stderr
