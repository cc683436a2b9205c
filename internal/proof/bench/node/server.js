// What the benchmark holds the plugin against: Express in one process. It
// checks the secret and the body, answers, and does the rest in memory: a
// process that ends here forgets every push.
'use strict';
const express = require('express');

const app = express();
app.use(express.json({ limit: '64kb' }));

app.post('/action', (req, res) => {
  if (req.get('authorization') !== process.env.ACTION_AUTH) {
    return res.status(401).json({ errors: [{ code: 'auth.unauthorized' }] });
  }
  const { trigger, feature } = req.body.data || {};
  if (!feature || !feature.id) {
    return res.status(400).json({ errors: [{ code: 'request.invalid' }] });
  }
  switch (trigger) {
    case 'button.push':
      setImmediate(() => push(feature.id)); // after the answer
      return res.json(answer('progress'));
    case 'button.unlink':
    case 'button.dismiss':
      return res.json(answer('initial'));
    default:
      return res.status(400).json({ errors: [{ code: 'request.invalid' }] });
  }
});

function answer(state) {
  return { data: { fields: { connection: { state } } } };
}

// The calls to tracker and Productboard would be here; they are left out, in
// favour of this reference.
async function push(entity) {
  return entity;
}

const server = app.listen(0, '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}`);
});
