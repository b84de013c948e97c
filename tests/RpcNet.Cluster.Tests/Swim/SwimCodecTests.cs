using System.Buffers;
using System.Collections.Frozen;
using System.Net;
using Nerdbank.MessagePack;
using RpcNet.Cluster.Swim;
using static RpcNet.Cluster.Tests.Swim.MachineHarness;

namespace RpcNet.Cluster.Tests.Swim;

public class SwimCodecTests
{
    public static TheoryData<int> Samples => [.. Enumerable.Range(0, All.Length)];

    private static SwimMessage[] All { get; } =
    [
        Message(MessageKind.Heartbeat),
        Message(MessageKind.Ping, target: true, replyTo: true),
        Message(MessageKind.PingRequest, target: true, replyTo: true, targetAddress: new IPEndPoint(IPAddress.IPv6Loopback, 65535)),
        Message(MessageKind.Join, text: "rpcnet", replyTo: true, updates: MemberUpdate.Alive(Peer("a", 1, ulong.MaxValue / 8, 300, ("role", "wörker"), ("", "")))),
        Message(MessageKind.Gossip, updates:
        [
            MemberUpdate.Alive(new MemberRecord(new NodeId(new string('x', 64)), 1, 2, Address(3), FrozenDictionary<string, string>.Empty, RecordFlags.Resumed, 1, 3)),
            MemberUpdate.Accuse(MemberState.Suspect, Peer("b", 2).Identity, 70_000, new NodeId("c")),
            MemberUpdate.Accuse(MemberState.Failed, Peer("b", 2).Identity, 7, new NodeId("c"), isVerdict: true),
            MemberUpdate.Left(Peer("b", 2).Identity, 9),
            MemberUpdate.Row(MemberState.Suspect, Peer("d", 2).Identity, 4, new NodeId("c"), Peer("d", 2, tags: [("k", new string('v', 300))])),
        ]),
        new SwimMessage { Kind = MessageKind.SyncBuckets, Cluster = 5, From = Peer("a", 1).Identity, ReplyTo = Address(1), Hashes = [1, ulong.MaxValue, 3, 4] },
        new SwimMessage { Kind = MessageKind.SyncRows, Cluster = 5, From = Peer("a", 1).Identity, ReplyTo = Address(1), BucketCount = 512, Wanted = [0, 127, 511] },
        Message(MessageKind.Gossip, updates: [.. Enumerable.Range(0, 40).Select(i => MemberUpdate.Alive(Peer($"n{i}", i)))]),
    ];

    [Theory]
    [MemberData(nameof(Samples))]
    public void Decode_OfEncoded_GivesTheSame(int sample)
    {
        var message = All[sample];
        var bytes = SwimCodec.Encode(message);

        Assert.True(SwimCodec.TryDecode(bytes, 8192, out var decoded, out var reason), reason);

        Assert.Equal(bytes, SwimCodec.Encode(decoded));
        Assert.Equal(message.ToString(), decoded.ToString());
        Assert.Equal((message.ReplyTo, message.TargetAddress, message.Target, message.Text), (decoded.ReplyTo, decoded.TargetAddress, decoded.Target, decoded.Text));
        Assert.Equal(message.Hashes, decoded.Hashes);
        Assert.Equal(message.Wanted, decoded.Wanted);
        for (var i = 0; i < message.Updates.Length; i++)
        {
            var (expected, actual) = (message.Updates[i], decoded.Updates[i]);
            Assert.Equal(expected.IsVerdict, actual.IsVerdict);
            Assert.Equal(expected.Record?.Fingerprint, actual.Record?.Fingerprint);
            Assert.Equal(expected.Record?.Address, actual.Record?.Address);
            Assert.Equal(expected.Record?.Flags, actual.Record?.Flags);
            Assert.Equal(expected.Record?.MaxVersion, actual.Record?.MaxVersion);
            Assert.Equal(expected.Record?.Tags.Order(Comparer<KeyValuePair<string, string>>.Create((a, b) => string.CompareOrdinal(a.Key, b.Key))), actual.Record?.Tags.Order(Comparer<KeyValuePair<string, string>>.Create((a, b) => string.CompareOrdinal(a.Key, b.Key))));
        }
    }

    [Theory]
    [MemberData(nameof(Samples))]
    public void Measure_IsTheLengthOfTheEncoding(int sample) =>
        Assert.Equal(SwimCodec.Encode(All[sample]).Length, SwimCodec.Measure(All[sample]));

    [Theory]
    [MemberData(nameof(Samples))]
    public void Decode_OfAnyDamagedMessage_NeverThrows(int sample)
    {
        var bytes = SwimCodec.Encode(All[sample]);
        var random = new Random(sample);
        for (var length = 0; length < bytes.Length; length++)
        {
            Assert.False(SwimCodec.TryDecode(bytes.AsMemory(0, length), 512, out _, out _));
        }

        for (var i = 0; i < 5000; i++)
        {
            var damaged = bytes.ToArray();
            for (var hits = random.Next(1, 4); hits > 0; hits--)
            {
                damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            }

            SwimCodec.TryDecode(damaged, 512, out _, out _);
        }
    }

    [Fact]
    public void Decode_UnknownFieldsOfALaterVersion_AreSkipped()
    {
        var buffer = new ArrayBufferWriter<byte>();
        var writer = new MessagePackWriter(buffer);
        writer.WriteArrayHeader(16);
        writer.Write((byte)MessageKind.Gossip);
        writer.Write(5u);
        writer.Write("a");
        writer.Write(1ul);
        writer.Write(9u);
        writer.WriteArrayHeader(2);
        writer.WriteArrayHeader(9);
        writer.Write((byte)MemberState.Failed);
        writer.Write("b");
        writer.Write(1ul);
        writer.Write(2ul);
        writer.Write("c");
        writer.WriteNil();
        writer.Write(false);
        writer.WriteMapHeader(1);
        writer.Write("future");
        writer.Write(1.5);
        writer.Write(7);
        writer.WriteArrayHeader(4);
        writer.Write(200);
        writer.Write("z");
        writer.Write(1ul);
        writer.Write(2ul);
        for (var field = 6; field < 10; field++)
        {
            if (field == 8)
            {
                writer.Write(0ul);
            }
            else
            {
                writer.WriteNil();
            }
        }

        writer.WriteNil();
        writer.WriteBinHeader(0);
        writer.Write(0);
        writer.WriteArrayHeader(0);
        writer.Write("future");
        writer.WriteArrayHeader(1);
        writer.Write(true);
        writer.Flush();

        Assert.True(SwimCodec.TryDecode(buffer.WrittenMemory, 512, out var message, out var reason), reason);

        var update = Assert.Single(message.Updates);
        Assert.Equal("Failed b#1@2 by c", update.ToString());
    }

    [Fact]
    public void Decode_TagsAboveTheLimit_IsRefused()
    {
        var bytes = SwimCodec.Encode(Message(MessageKind.Gossip, updates: MemberUpdate.Alive(Peer("a", 1, tags: [("k", new string('v', 600))]))));

        Assert.False(SwimCodec.TryDecode(bytes, 512, out _, out var reason));
        Assert.Contains("512", reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Decode_CounterNearOverflow_IsRefused()
    {
        var bytes = SwimCodec.Encode(Message(MessageKind.Gossip, updates: MemberUpdate.Left(new NodeIdentity(new NodeId("a"), 1), ulong.MaxValue)));

        Assert.False(SwimCodec.TryDecode(bytes, 512, out _, out _));
    }

    private static SwimMessage Message(
        MessageKind kind,
        bool target = false,
        bool replyTo = false,
        IPEndPoint? targetAddress = null,
        string text = "",
        params MemberUpdate[] updates) => new()
        {
            Kind = kind,
            Cluster = 0xdeadbeef,
            From = new NodeIdentity(new NodeId("worker-1"), 1_700_000_000_000),
            ReplyTo = replyTo ? Address(200) : null,
            Sequence = 70_000,
            Target = target ? new NodeIdentity(new NodeId("worker-2"), 1_700_000_000_001) : default,
            TargetAddress = targetAddress,
            Text = text,
            Updates = updates,
        };
}
