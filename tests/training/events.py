"""Read TensorBoard's event files as TensorBoard does."""

import struct

from tensorboardX.proto.event_pb2 import Event, SessionLog


def scalars(directory):
    """Return the `[(tag, step, value)]` that TensorBoard shows for a directory."""
    shown = []
    for path in sorted(directory.glob("events.out.tfevents.*")):
        for event in _events(path.read_bytes()):
            if event.HasField("session_log") and event.session_log.status == SessionLog.START:
                shown = [s for s in shown if s[1] < event.step]
            shown += [(v.tag, event.step, v.simple_value) for v in event.summary.value]
    return shown


def _events(data):
    """Yield the events; a record is a length, its checksum, the data, and its checksum."""
    while data:
        (length,) = struct.unpack_from("<Q", data)
        yield Event.FromString(data[12 : 12 + length])
        data = data[16 + length :]
