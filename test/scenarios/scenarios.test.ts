import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { runScenario } from './scenario.ts';

const folder = join(import.meta.dirname, 'life');
const files = readdirSync(folder).filter((name) => name.endsWith('.scn'));
const total = { questions: 0, events: 0 };

for (const file of files.sort()) {
  t.test(file.replace('.scn', '').replaceAll('-', ' '), async (t) => {
    const { failures, questions, events } = await runScenario(readFileSync(join(folder, file), 'utf8'));
    t.ok(questions > 0 && events > 0, 'something is asked, something happens');
    for (const { line, text, expected, got } of failures) t.equal(got, expected, `${file}:${line} ${text}`);
    total.questions += questions;
    total.events += events;
  });
}

t.test('all told', (t) => {
  t.comment(`${files.length} scenarios: ${total.events} events, ${total.questions} questions`);
  t.end();
});
