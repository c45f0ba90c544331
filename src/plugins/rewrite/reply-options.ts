import type { Answer } from '../../core/answer.ts';
import { optionsOf } from '../../core/inner-query.ts';
import type { Query } from '../../core/query.ts';
import { type EdnsOption, encodeOptions, readOptions } from '../../dns/message.ts';
import type { Step } from './rule.ts';

/**
 * The EDNS options of the reply: those of the answer, with what the steps take back. Where it has none and comes from data of
 * our own, so that no server has spoken of options, the client gets to see what local ones the question went on with.
 */
export function replyOptions(
  { options, live }: Answer,
  query: Query,
  asked: Query,
  steps: readonly Step[],
  localOptions: ReadonlySet<number>,
): Buffer {
  if (!query.hasEdns) return options;
  if (options.length > 0) {
    return steps.some(({ what }) => what === 'option')
      ? encodeOptions(takenBack(readOptions(options), steps))
      : options;
  }
  if (!live || asked === query || localOptions.size === 0) return options;
  const shown = takenBack(optionsOf(asked), steps).filter(({ code }) => localOptions.has(code));
  return shown.length === 0 ? options : encodeOptions(shown);
}

function takenBack(options: readonly EdnsOption[], steps: readonly Step[]): readonly EdnsOption[] {
  let left = options;
  for (const step of steps) {
    if (step.what !== 'option') continue;
    const { code, data } = step;
    left = left.flatMap((option) => {
      if (option.code !== code) return [option];
      return data === undefined ? [] : [{ code, data }];
    });
  }
  return left;
}
