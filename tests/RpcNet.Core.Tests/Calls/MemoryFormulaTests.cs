using RpcNet.Client;
using RpcNet.Core.Tests.Framing;
using RpcNet.Core.Tests.Support;
using RpcNet.Framing;
using RpcNet.Server;
using RpcNet.Transports;

namespace RpcNet.Core.Tests.Calls;

/// <summary>
/// The terms of docs/wire-protocol.md section 12, one test each, with a peer that does not read or does not mean well. The
/// first term, received and unread, is the engines' own and in their conformance suite.
/// </summary>
public sealed class MemoryFormulaTests
{
    private const int Header = FrameHeader.Size;

    private static readonly RpcLimits Small = new()
    {
        InlinePayloadBytes = 4096, MessageBytes = 256 * 1024, MetadataBytes = 1024, CallsPerConnection = 16, LaneQueueBytes = 64 * 1024, Lanes = 2,
    };

    private static int Frame => Header + Small.MetadataBytes + Small.InlinePayloadBytes;

    /// <summary>Buffers of readers: 64 KiB of read-ahead, or three times the largest frame.</summary>
    [Theory]
    [InlineData(4096, 40_000)]
    [InlineData(256 * 1024, 40)]
    [InlineData(1_000_000, 40)]
    public async Task ReaderBuffer_WhateverThePeerSends_StaysWithinItsTerm(int payloadLimit, int frames)
    {
        var random = new Random(payloadLimit);
        var bytes = new List<byte>();
        for (var i = 0; i < frames; i++)
        {
            bytes.AddRange(RawClient.Frame(FrameType.Item, new byte[i % 3 == 0 ? payloadLimit : random.Next(payloadLimit / 100)], extension: new byte[random.Next(1024)]));
        }

        using var reader = new FrameReader(new ByteStream([.. bytes], random, chunk: 200_000), 1024, payloadLimit);
        var most = 0;
        while (await reader.ReadAsync(default) is not null)
        {
            most = Math.Max(most, reader.BufferBytes);
        }

        Assert.InRange(most, 1, Math.Max(128 * 1024, 3 * (Header + 1024 + payloadLimit)));
    }

    /// <summary>A header promises; only bytes that came take memory.</summary>
    [Fact]
    public async Task ReaderBuffer_HeaderOfALargeFrameAlone_ReservesNothing()
    {
        using var reader = new FrameReader(new ByteStream(RawClient.Frame(FrameType.Item, new byte[4 << 20])[..100], new Random(1)), 1024, 4 << 20);
        await Assert.ThrowsAsync<RpcProtocolException>(async () => await reader.ReadAsync(default));
        Assert.InRange(reader.BufferBytes, 1, 4096);
    }

    /// <summary>After a burst the reader gives back what small messages do not need.</summary>
    [Fact]
    public async Task ReaderBuffer_SmallFramesAfterLargeOnes_ShrinksAgain()
    {
        var large = Enumerable.Repeat(RawClient.Frame(FrameType.Item, new byte[60_000]), 20).SelectMany(static f => f).ToArray();
        var small = Enumerable.Repeat(RawClient.Frame(FrameType.Item, new byte[20]), 2000).SelectMany(static f => f).ToArray();
        using var reader = new FrameReader(new ByteStream([.. large, .. small], new Random(1)), 1024, 1 << 20);
        Assert.InRange(reader.BufferBytes, 1, 512);
        var most = 0;
        while (await reader.ReadAsync(default) is not null)
        {
            most = Math.Max(most, reader.BufferBytes);
        }

        Assert.InRange(most, 60_000, 256 * 1024);
        Assert.InRange(reader.BufferBytes, 1, 4096);
    }

    /// <summary>An idle connection's lanes hold no buffers on either side.</summary>
    [Fact]
    public async Task Lanes_NothingUnderWay_HoldNoBuffers()
    {
        await using var fixture = await RpcFixture.StartAsync();
        await using var channel = fixture.CreateChannel();
        Assert.Equal("a", await Eventually.Soon(channel.CreateClient<IProbe>().EchoAsync("a")));

        await Eventually.True(() => fixture.Server.LaneBufferBytes == 0 && channel.LaneBufferBytes == 0);
    }

    /// <summary>Requests of lanes being served: not more than CallsPerConnection of them, the rest refused undispatched.</summary>
    [Fact]
    public async Task RequestsServed_HostileClientSendsMore_AreRefusedBeyondTheirTerm()
    {
        await using var fixture = await RpcFixture.StartAsync(new RpcServerOptions { Limits = Small });
        await using var client = await RawClient.StartAsync(fixture);
        var lane = await client.OpenLaneAsync("tests.v1.Probe/Wait");
        for (uint i = 0; i < 200; i++)
        {
            await lane.WriteAsync(RawClient.Frame(FrameType.Request, [1], i, 1), endStream: false);
        }

        var reader = await client.AcceptAsync(StreamType.Lane);
        await reader.ReadVarIntAsync(default);
        for (var i = 0; i < 200 - Small.CallsPerConnection; i++)
        {
            var frame = (await Eventually.Soon(reader.ReadAsync(default)))!.Value;
            Assert.Equal((FrameType.Fault, FrameFlags.NotExecuted), (frame.Header.Type, frame.Header.Flags));
        }

        await Eventually.True(() => fixture.Service.Started == Small.CallsPerConnection);
        Assert.Equal(Small.CallsPerConnection, fixture.Server.CallsInFlight);
    }

    /// <summary>Responses that wait for a slow client: a queue a lane, and what was already dispatched; twice for growth.</summary>
    [Fact]
    public async Task Responses_ClientThatNeverReads_StayWithinTheirTerm()
    {
        await using var fixture = await RpcFixture.StartAsync(new RpcServerOptions { Limits = Small });
        await using var client = await RawClient.StartAsync(fixture);
        var lane = await client.OpenLaneAsync("tests.v1.Probe/Echo");
        byte[] request = [0xDA, 4000 >> 8, 4000 & 255, .. new byte[4000]];
        using var stop = new CancellationTokenSource();
        long sent = 0;
        var sending = Task.Run(async () =>
        {
            for (uint id = 0; ; id++)
            {
                await lane.WriteAsync(RawClient.Frame(FrameType.Request, request, id, 1), endStream: false, stop.Token);
                Interlocked.Increment(ref sent);
            }
        });
        var before = -1L;
        long most = 0;
        await Eventually.True(() =>
        {
            most = Math.Max(most, fixture.Server.LaneBufferBytes);
            var stalls = Interlocked.Exchange(ref before, Interlocked.Read(ref sent)) == Interlocked.Read(ref sent);
            return stalls && sent > 300 && most >= Small.LaneQueueBytes / 2;
        });
        await fixture.Network.WaitForIdleAsync();
        most = Math.Max(most, fixture.Server.LaneBufferBytes);
        Assert.InRange(most, 1, 2 * ((Small.Lanes * Small.LaneQueueBytes) + (Small.CallsPerConnection * Frame)));
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sending);
    }

    /// <summary>The client's side of the same term: calls wait outside of a lane whose server does not read.</summary>
    [Fact]
    public async Task Requests_ServerThatNeverReads_StayWithinTheirTerm()
    {
        await using var fixture = await RpcFixture.StartAsync();
        var tap = new TapTransport(fixture.ClientTransport);
        var limits = Small with { CallsPerConnection = 1000 };
        var channel = fixture.CreateChannel(o => new RpcChannelOptions { EndPoint = o.EndPoint, Tls = o.Tls, Limits = limits }, tap);
        var client = channel.CreateClient<IProbe>();
        await Eventually.Soon(client.EchoAsync("warm"));
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        tap.WriteGate = gate;
        var text = new string('x', 4000);
        var calls = Enumerable.Range(0, 1000).Select(_ => client.EchoAsync(text).AsTask()).ToList();

        // Four megabytes are to be sent, and a twentieth of them fits; one caller may exceed a lane's bound by a frame.
        Assert.InRange(channel.LaneBufferBytes, Small.LaneQueueBytes, 2 * Small.Lanes * (Small.LaneQueueBytes + Frame));
        tap.WriteGate = null;
        gate.SetResult();
        Assert.All(await Eventually.Soon(Task.WhenAll(calls)), answer => Assert.Equal(4000, answer.Length));
    }

    /// <summary>Large responses under way: one message for each call that is admitted, and no more calls than the limit.</summary>
    [Fact]
    public async Task LargeResponses_ClientThatNeverReads_AreAsManyAsCallsAdmitted()
    {
        await using var fixture = await RpcFixture.StartAsync(new RpcServerOptions { Limits = Small });
        await using var client = await RawClient.StartAsync(fixture);
        var lane = await client.OpenLaneAsync("tests.v1.Probe/Resize");

        // (Payload(""), 200,000): each answer is larger than the in-memory stream takes at once.
        byte[] request = [0x92, .. Encode(new Payload([])), 0xCE, 0, 3, 13, 64];
        for (uint i = 0; i < 100; i++)
        {
            await lane.WriteAsync(RawClient.Frame(FrameType.Request, request, i, 1), endStream: false);
        }

        await fixture.Network.WaitForIdleAsync();
        Assert.InRange(fixture.Server.CallsInFlight, 0, Small.CallsPerConnection);
    }

    /// <summary>Call streams: the writer keeps to 64 KiB and a message, however slowly the client reads.</summary>
    [Fact]
    public async Task StreamWriter_SlowReader_KeepsToItsTerm()
    {
        var stream = new StuckStream();
        using var writer = new StreamFrameWriter(stream, PayloadCompression.None);
        var produced = 0;
        var writing = writer.WriteItemsAsync(Items(), RpcMarshaller.Raw, Serialization.MessagePackRpcSerializer.Default, Small.MessageBytes, abandonSource: false, default);
        await Eventually.True(() => stream.Writes > 0);
        Assert.InRange(writer.BufferBytes, 64 * 1024, 2 * ((64 * 1024) + Header + Small.MessageBytes));
        Assert.Equal(1, stream.Writes);
        Assert.InRange(produced, 1, 2);
        stream.Release.SetException(new TransportException(TransportError.StreamAborted, "enough"));
        await Assert.ThrowsAsync<TransportException>(() => writing);

        async IAsyncEnumerable<ReadOnlyMemory<byte>> Items()
        {
            while (true)
            {
                produced++;
                yield return new byte[Small.MessageBytes];
                await Task.CompletedTask;
            }
        }
    }

    private static byte[] Encode<T>(T value)
    {
        using var buffer = new PooledBufferWriter();
        Serialization.MessagePackRpcSerializer.Default.Serialize(buffer, value);
        return buffer.WrittenSpan.ToArray();
    }

    private sealed class StuckStream : ITransportStream
    {
        public int Writes;

        public TaskCompletionSource Release { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public long Id => 0;

        public bool CanRead => false;

        public bool CanWrite => true;

        public Task WritesClosed => Release.Task;

        public ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, bool endStream, CancellationToken cancellationToken = default)
        {
            Interlocked.Increment(ref Writes);
            return new(Release.Task);
        }

        public void AbortRead(long errorCode)
        {
        }

        public void AbortWrite(long errorCode)
        {
        }

        public ValueTask DisposeAsync() => default;
    }
}
