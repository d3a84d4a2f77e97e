// How long something is watched, told now and then: what is not told is not counted.

const BEAT_MS = 10_000;
// What leaves the screen sooner was passed by.
const SEEN_MS = 1_000;

export class Beats {
  #since = null;
  #timer = null;
  #told = false;
  #turn = () => (document.hidden ? this.#pause() : this.#go());

  /** `tell(seconds)` sends one; what it answers is of no interest here. */
  constructor(tell) {
    Object.assign(this, { tell, on: false });
  }

  start() {
    if (this.on) return;
    this.on = true;
    document.addEventListener("visibilitychange", this.#turn);
    this.#turn();
  }

  stop() {
    if (!this.on) return;
    this.on = false;
    document.removeEventListener("visibilitychange", this.#turn);
    this.#pause();
  }

  /** Without a last word: what was watched may not be watched any more. */
  drop() {
    this.#told = false;
    this.stop();
  }

  #go() {
    this.#since ??= performance.now();
    this.#timer = setTimeout(() => (this.#beat(), this.#go()), this.#told ? BEAT_MS : SEEN_MS);
  }

  #beat() {
    const seconds = (performance.now() - this.#since) / 1000;
    this.#since = performance.now();
    this.#told = true;
    this.tell(seconds).catch(() => null);
  }

  #pause() {
    clearTimeout(this.#timer);
    if (this.#told && this.#since !== null) this.#beat();
    this.#since = null;
  }
}
