// The operations of `data/echo` between two connections of one page. `rounds` stands before this.
const done = arguments[arguments.length - 1];

async function round() {
  const alice = new RTCPeerConnection();
  const bob = new RTCPeerConnection();
  alice.onicecandidate = ({ candidate }) => bob.addIceCandidate(candidate);
  bob.onicecandidate = ({ candidate }) => alice.addIceCandidate(candidate);
  bob.ondatachannel = ({ channel }) => {
    channel.onmessage = ({ data }) => channel.send(data);
  };
  const channel = alice.createDataChannel("chat");
  const echoed = new Promise((resolve, reject) => {
    channel.onopen = () => channel.send("Hello!");
    channel.onmessage = resolve;
    channel.onerror = ({ error }) => reject(error);
  });
  await alice.setLocalDescription(await alice.createOffer());
  await bob.setRemoteDescription(alice.localDescription);
  await bob.setLocalDescription(await bob.createAnswer());
  await alice.setRemoteDescription(bob.localDescription);
  await echoed;
  await Promise.all([alice.getStats(), bob.getStats()]);
  alice.close();
  bob.close();
}

(async () => {
  const times = [];
  for (let n = 0; n < rounds; n++) {
    const begun = performance.now();
    await round();
    times.push(performance.now() - begun);
  }
  return times;
})().then(done, (error) => done(String(error)));
