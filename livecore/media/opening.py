"""Opening a peer's connection: its transport, and the answer that tells the peer where to come."""

import random
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from livecore.media import negotiate, sdp
from livecore.media.connection import Transport, Wire
from livecore.media.control import Answer, BadOffer, PatchAnswer
from livecore.media.demux import Demultiplexer
from livecore.media.extensions import Extension
from livecore.media.ice import IceLite
from livecore.media.pace import Pace
from livecore.media.sessions import Session, ViewerSession
from livecore.media.settings import WorkerSettings
from livecore.media.transport import Certificate


@dataclass(frozen=True)
class Doorway:
    """What all peers of a worker are told alike: its certificate, addresses and limits. `tcp_port`: None: UDP alone."""

    settings: WorkerSettings
    certificate: Certificate
    peers: Demultiplexer
    wire: Wire
    addresses: Sequence[tuple[str, int]]
    tcp_port: int | None
    rng: random.Random

    def new_id(self) -> str:
        """Says which worker has the session, so that every main process can route it without a table."""
        return f"{self.settings.index}-{secrets.token_hex(12)}"

    def open(self, session: Session, offer: sdp.Offer, sections: list[sdp.AnswerSection], now: float) -> Answer:
        ice = IceLite(now, consent_s=self.settings.consent_s, connect_s=self.settings.connect_s)
        setup = negotiate.setup_role(offer)
        session.remote_ufrag = offer.ufrag
        pace = Pace(self.settings.pace_factor) if isinstance(session, ViewerSession) else None
        session.transport = Transport(
            self.certificate, offer.fingerprints, ice, self.wire, session, dtls_client=setup == "active", pace=pace
        )
        self.peers.add(session.transport)
        end = sdp.Endpoint(
            ice.credentials.ufrag,
            ice.credentials.password,
            self.certificate.fingerprint,
            setup,
            self.addresses,
            self.rng.getrandbits(53),
            # A dependency descriptor with its structure is longer than a one-byte header holds.
            offer.extmap_mixed and any(Extension.DEPENDENCY in section.extensions for section in sections),
            self.tcp_port,
        )
        return Answer(sdp.write_answer(sections, end), session.session_id, session.etag)

    def restart(self, session: Session, fragment: sdp.Fragment) -> PatchAnswer:
        """New credentials for a peer that came with new ones."""
        session.remote_ufrag = fragment.ufrag
        credentials = session.transport.ice.restart()
        self.peers.index(session.transport)
        body = sdp.write_fragment(credentials.ufrag, credentials.password, self.addresses, self.tcp_port)
        return PatchAnswer(200, body, session.etag)

    def shut(self, session: Session) -> None:
        self.peers.remove(session.transport)


def read_offer(text: str) -> sdp.Offer:
    """Raises BadOffer."""
    try:
        return sdp.parse_offer(text)
    except sdp.SdpError as exc:
        raise BadOffer(str(exc)) from exc
