// A receiver of the shape that the Thingsee WebSocket page documents: each
// message is an array, and every element is handled on its own. Handling here
// is one line appended to a file before the next event, so that a kill -9
// loses nothing that was handled.
//
//   node receiver.js PORT FILE [--count]
'use strict';
const fs = require('fs');
const { WebSocketServer } = require('ws');

const [port, file, mode] = process.argv.slice(2);
const out = fs.openSync(file, 'a');
const server = new WebSocketServer({ host: '127.0.0.1', port: Number(port) });

server.on('connection', (socket) => {
  let handled = 0;
  socket.on('message', (data) => {
    const messages = JSON.parse(data);
    let lines = '';
    messages.forEach((message) => {
      lines += message.n + '\n';
    });
    fs.writeSync(out, lines);
    handled += 1;
    if (mode === '--count') socket.send(JSON.stringify({ ack: handled }));
  });
  socket.on('error', () => {});
});
server.on('listening', () => console.log('ready'));
