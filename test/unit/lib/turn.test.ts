import { describe, expect, it } from 'vitest';
import { Turn } from '../../../src/core/lib/turn.js';

interface News {
  said(what: string): void;
}

/** A log, and a turn that notes in it when one is over. */
function stage() {
  const log: string[] = [];
  const turn = new Turn(() => {
    log.push('over');
  });
  return { log, turn };
}

describe('Turn', () => {
  it('runs an input to its end, then what was said, in order, then what that led to', () => {
    const { log, turn } = stage();
    const news = turn.outputs<News>({ said: true });
    news.deliver({
      said: (what) => {
        log.push(`${what} begins`);
        if (what === 'a') news.listener.said('c');
        log.push(`${what} ends`);
      },
    });
    turn.input(() => {
      log.push('input begins');
      news.listener.said('a');
      news.listener.said('b');
      log.push('input ends');
    });
    const expected = ['a', 'b', 'c'].flatMap((what) => [`${what} begins`, `${what} ends`]);
    expect(log).toEqual(['input begins', 'input ends', ...expected, 'over']);
  });

  it('keeps an input that comes in the midst of a turn until that is through', () => {
    const { log, turn } = stage();
    const said = (what: string) => (): void => {
      log.push(what);
    };
    turn.input(() => {
      turn.input(said('second input'));
      turn.output(() => {
        log.push('output');
        turn.output(said('its output'));
      });
      log.push('first input');
    });
    expect(log).toEqual(['first input', 'output', 'its output', 'second input', 'over']);
  });

  it('does what is said outside a turn once the running code has ended', async () => {
    const { log, turn } = stage();
    const news = turn.outputs<News>({ said: true });
    news.deliver({ said: (what) => log.push(what) });
    news.listener.said('a');
    news.listener.said('b');
    log.push('code ends');
    await Promise.resolve();
    expect(log).toEqual(['code ends', 'a', 'b', 'over']);
  });

  it('does the rest when one throws, says what it threw, and goes on', () => {
    const { log, turn } = stage();
    const failing = (): void => {
      turn.input(() => {
        turn.output(() => log.push('output'));
        throw new Error('broken');
      });
    };
    expect(failing).toThrow('broken');
    expect(log).toEqual(['output', 'over']);
    turn.input(() => log.push('next'));
    expect(log).toEqual(['output', 'over', 'next', 'over']);
  });

  it('takes calls of an interface as inputs', () => {
    const { log, turn } = stage();
    const news = turn.inputs<News>({ said: true }, { said: (what) => log.push(what) });
    turn.input(() => {
      news.said('b');
      log.push('a');
    });
    expect(log).toEqual(['a', 'b', 'over']);
  });

  it('makes a turn longer by what its end says', () => {
    const log: string[] = [];
    const turn = new Turn(() => {
      log.push('over');
      if (log.length < 3) turn.output(() => log.push('once more'));
    });
    turn.input(() => log.push('input'));
    expect(log).toEqual(['input', 'over', 'once more', 'over']);
  });

  it('does nothing once closed, not even the rest', async () => {
    const { log, turn } = stage();
    turn.output(() => log.push('late'));
    turn.input(() => {
      turn.output(() => log.push('rest'));
      turn.close();
    });
    turn.input(() => log.push('input'));
    await Promise.resolve();
    expect(log.filter((what) => what !== 'over')).toEqual(['late']);
  });
});
