/*
 * The present screen, for who comes later. What could break: a program has set its terminal up long ago, drawn a part of it
 * now and another then, and whoever attaches to it has missed all of it; what they are shown has a colour, a character's
 * width, the cursor, a scroll region, a mode or the screen behind the alternate one that is not as for those who were
 * there, or comes apart from theirs as the program goes on. So a terminal that was there all along and one that has just
 * attached are compared, cell by cell, in the middle of real programs in a container of runc, and again after each has
 * ended: tmux, which knows nothing of our emulator, and the emulator of the tests, which tells all there is. Nothing may be
 * drawn in between: `top` waits 1000 seconds.
 */
import { test } from 'node:test';
import { missing } from '../../helpers/base/requirement.js';
import { openBox, type Step } from '../../helpers/sessions/watched-box.js';

const skip = missing('root', 'busybox', 'runc', 'tmux');

interface Scene {
  /** Then somebody comes. */
  before: Step[];
  /** They stay for this. */
  after: Step[];
}

const scenes: Record<string, Scene> = {
  'vi, typed into and scrolled': {
    before: [
      ['busybox vi /tmp/text', /- \/tmp\/text 1\/90/],
      [['C-f', 'C-f', 'C-e', '4', 'j'], /^80 /m],
      ['oa line of 漢字 and 😀 that is typed', /is typed/],
    ],
    after: [
      ['and one more', /and one more/],
      [['Escape'], /^- \/tmp\/text \[Modified\]/m],
      [':q!', /inside:漢\$ busybox vi/],
    ],
  },
  'vi, in another size': {
    before: [
      ['busybox vi /tmp/text', /- \/tmp\/text 1\/90/],
      [{ columns: 71, rows: 19 }, /- \/tmp\/text 1\/90/],
      [['G'], /90\/90/],
    ],
    after: [[':q', /inside:漢\$/]],
  },
  'less, in the middle of long lines': {
    before: [
      ['busybox less -N /tmp/text', /1 end/],
      [['Space', 'j', 'j', 'k'], /^ *30 /m],
    ],
    after: [
      [['Space'], /^ *50 /m],
      [['q'], /inside:漢\$/],
    ],
  },
  top: {
    before: [['busybox top -d 1000', /Mem:.*free/]],
    after: [[['q'], /inside:漢\$/]],
  },
  'a prompt in colours, and a line that is being edited': {
    before: [
      [String.raw`printf '\e[31mred \e[44mon blue\e[0m \e[1;4;9mall\e[m 漢字 😀\n'; ls -l /tmp`, /text/],
      [['echo', 'Space', '漢字', '😀', 'C-a', 'C-f', 'X'], /eXcho/],
    ],
    after: [
      [['C-e', 'C-u'], /\$$/],
      ['echo done', /^done$/m],
    ],
  },
  'whatever a program can set': {
    before: [
      [String.raw`printf '\e]2;a title 漢\a\e[?2004;1002;1006;1004h\e[?1h\e=\e[3g\e[5G\eH\e[33G\eH'`, /inside:漢\$$/],
      [String.raw`printf '\e7\e[5;12r\e[?6h\e[2;3H\e[45m'; seq 20`, /^20\S*$/m],
      [String.raw`printf '\e[?25l\e[4h\e(0qqq'; sleep 1000`, /^qqq$/m],
    ],
    after: [
      [['C-c'], /inside:漢\$$/],
      [String.raw`printf '\e8back\e[!p\e[?1002;1006l'`, /back/],
      ['seq 40', /^40$/m],
    ],
  },
  'the alternate screen, in and out': {
    before: [
      ['seq 60', /^60$/m],
      [String.raw`printf '\e[31m\e[?1049h\e[H\e[2J'; seq 3`, /^3$/m],
    ],
    after: [
      [String.raw`printf '\e[?1049lout again: 漢\e[m\n'`, /60\n[^]*out again/],
      [['C-l'], /^\S*inside:漢\$$/],
    ],
  },
};

for (const [name, { before, after }] of Object.entries(scenes)) {
  test(name, { skip, timeout: 60_000 }, async (t) => {
    const box = await openBox(t);
    await box.does(...before);
    const later = await box.watch();
    await box.seesTheSame(later);
    for (const step of after) {
      await box.does(step);
      await box.seesTheSame(later);
    }
  });
}
