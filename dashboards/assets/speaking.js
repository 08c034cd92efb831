// A note that is spoken: record, listen, keep. The microphone is on only between the two taps, and for a minute at most.

const SPOKEN_MS = 60000;
const SPOKEN_BITS_PER_S = 24000;

class Speaking {
  // `keep` is called with the recording as base64.
  constructor(words, keep) {
    this.words = words;
    this.keep = keep;
    this.node = made('div', 'speaking');
    this.offer();
  }

  // Browsers give the microphone only to pages that came over HTTPS, or from this very computer.
  static isPossible() { return Boolean(navigator.mediaDevices?.getUserMedia && window.MediaRecorder); }

  button(word, tap, strong = '') {
    const button = made('button', `choice ${strong}`, this.words[word]);
    button.addEventListener('click', tap);
    return button;
  }

  offer(why = '') {
    this.node.dataset.state = 'idle';
    this.node.replaceChildren(this.button('speak_note', () => this.record()), made('span', 'why', why));
  }

  async record() {
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    } catch {
      this.offer(this.words.no_microphone);
      return;
    }
    const pieces = [];
    this.recorder = new MediaRecorder(stream, { audioBitsPerSecond: SPOKEN_BITS_PER_S });
    this.recorder.addEventListener('dataavailable', (event) => pieces.push(event.data));
    this.recorder.addEventListener('stop', () => {
      for (const track of stream.getTracks()) track.stop();
      clearTimeout(this.limit);
      if (this.node.isConnected) this.listen(new Blob(pieces, { type: this.recorder.mimeType }));
    });
    this.recorder.start();
    this.limit = setTimeout(() => this.stop(), SPOKEN_MS);
    this.node.dataset.state = 'recording';
    this.node.replaceChildren(this.button('stop_speaking', () => this.stop(), 'strong'), made('span', 'recording', this.words.speaking));
  }

  stop() { if (this.recorder?.state === 'recording') this.recorder.stop(); }

  listen(blob) {
    const player = made('audio');
    Object.assign(player, { controls: true, src: URL.createObjectURL(blob) });
    const save = this.button('save_spoken', async () => {
      save.disabled = true;
      this.keep(await base64(blob));
    }, 'strong');
    this.node.dataset.state = 'recorded';
    this.node.replaceChildren(player, save, this.button('speak_again', () => this.record()));
  }
}

function base64(blob) {
  return new Promise((resolve) => {
    const reader = new FileReader();
    reader.addEventListener('load', () => resolve(reader.result.slice(reader.result.indexOf(',') + 1)));
    reader.readAsDataURL(blob);
  });
}
