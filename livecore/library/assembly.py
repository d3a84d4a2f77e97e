"""How the library is put together."""

from dataclasses import dataclass

from livecore.config import Settings
from livecore.library.copies import Copies
from livecore.library.feed_source import VideoFeed
from livecore.library.held import HeldContent
from livecore.library.images import Images
from livecore.library.intake import AttachmentIntake, AvatarIntake, ImageIntake, PutAvatar, VideoIntake
from livecore.library.processing import Processing
from livecore.library.quality import Quality
from livecore.library.upload_rules import Sink
from livecore.library.uploads import Uploads
from livecore.library.video_shares import VideoShares
from livecore.library.videos import Videos
from livecore.library.viewed import ViewedVideos
from livecore.ports import (
    Bus,
    Clock,
    Database,
    Directory,
    Growing,
    Holds,
    Jobs,
    MessageMedia,
    PictureMaker,
    Relations,
    Signals,
    Storage,
    Talk,
    ViewRows,
)


@dataclass(frozen=True)
class Engines:
    db: Database
    clock: Clock
    storage: Storage
    growing: Growing
    jobs: Jobs
    bus: Bus | None  # None: this process is alone
    settings: Settings
    relations: Relations
    directory: Directory
    signals: Signals
    pictures: PictureMaker
    put_avatar: PutAvatar
    message_media: MessageMedia
    talk: Talk
    views: ViewRows
    holds: Holds


class LibraryParts:
    def __init__(self, e: Engines) -> None:
        self.copies = Copies(e.db, e.clock)
        self.held = HeldContent(e.db, e.clock, e.storage, e.holds)
        self.videos = Videos(e.db, e.clock, e.storage, e.jobs, e.relations, e.directory, self.copies, e.talk, e.views, self.held)
        self.shares = VideoShares(e.db, e.clock, self.videos)
        self.quality = Quality(e.db, e.clock)
        self.viewed = ViewedVideos(e.db, self.videos)
        self.feed_source = VideoFeed(e.db)
        self.images = Images(e.db, e.clock, e.storage, e.relations, e.directory, self.copies, e.pictures, self.held)
        sinks: dict[str, Sink] = {
            "video": VideoIntake(e.settings, e.growing, self.videos, self.copies),
            "image": ImageIntake(e.settings, e.growing, self.images),
            "avatar": AvatarIntake(e.settings, e.growing, e.put_avatar),
            "attachment": AttachmentIntake(e.settings, e.growing, e.message_media),
        }
        self.uploads = Uploads(e.db, e.clock, e.storage, e.growing, e.settings, sinks, e.bus, e.holds)
        self.processing = Processing(e.db, e.clock, e.storage, e.growing, e.jobs, e.signals, e.settings, self.uploads, self.copies)
