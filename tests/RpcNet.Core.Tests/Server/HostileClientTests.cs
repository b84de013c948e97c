using Microsoft.Extensions.Time.Testing;
using RpcNet.Core.Tests.Support;
using RpcNet.Framing;
using RpcNet.Server;
using RpcNet.Transports;

namespace RpcNet.Core.Tests.Server;

public sealed class HostileClientTests
{
    private static readonly byte[] TooShort = [11, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0];
    private static readonly byte[] ShorterThanExtension = [20, 0, 0, 0, 2, 0, 9, 0, 1, 0, 0, 0, 1, 0, 0, 0];

    public static TheoryData<string, byte[], long> BadLaneFrames => new()
    {
        { "length below the header", TooShort, RpcErrorCode.ProtocolViolation },
        { "extension longer than the frame", ShorterThanExtension, RpcErrorCode.ProtocolViolation },
        { "length of 4 GiB", [255, 255, 255, 255, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0], RpcErrorCode.LimitExceeded },
        { "payload over the inline limit", RawClient.Frame(FrameType.Request, new byte[16 * 1024 + 1], 1, 1), RpcErrorCode.LimitExceeded },
        { "extension over the metadata limit", RawClient.Frame(FrameType.Request, [], 1, 1, new byte[8 * 1024 + 1]), RpcErrorCode.LimitExceeded },
        { "undefined method id", RawClient.Frame(FrameType.Request, [], 1, 99), RpcErrorCode.ProtocolViolation },
        { "method id defined twice", RawClient.Frame(FrameType.DefineMethod, "a/b"u8.ToArray(), argument: 1), RpcErrorCode.ProtocolViolation },
        { "method name too long", RawClient.Frame(FrameType.DefineMethod, new byte[1025], argument: 2), RpcErrorCode.LimitExceeded },
        { "extension that is no map", RawClient.Frame(FrameType.Request, [], 1, 1, [0x01]), RpcErrorCode.ProtocolViolation },
        { "extension cut short", RawClient.Frame(FrameType.Request, [], 1, 1, [0x82, 0x01, 0x05]), RpcErrorCode.ProtocolViolation },
        { "extension with bytes left over", RawClient.Frame(FrameType.Request, [], 1, 1, [0x81, 0x01, 0x05, 0x05]), RpcErrorCode.ProtocolViolation },
        { "extension with a map of 2^32 entries", RawClient.Frame(FrameType.Request, [], 1, 1, [0xDF, 255, 255, 255, 255]), RpcErrorCode.ProtocolViolation },
        { "metadata with an odd length", RawClient.Frame(FrameType.Request, [], 1, 1, [0x81, 0x04, 0x91, 0xA1, 0x61]), RpcErrorCode.ProtocolViolation },
        { "metadata with a bad key", RawClient.Frame(FrameType.Request, [], 1, 1, [0x81, 0x04, 0x92, 0xA1, 0x41, 0xA1, 0x61]), RpcErrorCode.ProtocolViolation },
    };

    [Theory]
    [MemberData(nameof(BadLaneFrames))]
    public async Task Lane_BadFrame_ClosesTheConnectionWithTheDocumentedCode(string what, byte[] frame, long code)
    {
        var log = new LogRecorder();
        await using var fixture = await RpcFixture.StartAsync(loggers: log);
        await using var client = await RawClient.StartAsync(fixture);
        var lane = await client.OpenLaneAsync();
        await lane.WriteAsync(frame, endStream: false);
        Assert.True(code == await client.ClosedAsync(), what);
        Assert.Single(log.Entries, e => e.EventId == 1103);
        await Eventually.True(() => fixture.Server.Connections == 0 && fixture.Server.CallsInFlight == 0);
        Assert.Equal(3, await Eventually.Soon(fixture.Client.AddAsync(1, 2)));
    }

    [Fact]
    public async Task Lane_UnknownFrameTypesAndDeeplyNestedUnknownKeys_AreSkipped()
    {
        await using var fixture = await RpcFixture.StartAsync();
        await using var client = await RawClient.StartAsync(fixture);
        var lane = await client.OpenLaneAsync();
        await lane.WriteAsync(
            (byte[])[
                .. RawClient.Frame((FrameType)77, new byte[300], 5, 5, [0x80]),
                .. RawClient.Frame(FrameType.Padding, new byte[16]),
                .. RawClient.Frame(FrameType.Cancel, callId: 12345),
                .. RawClient.Frame(FrameType.Request, [], 1, 1, [0x81, 0x70, .. Enumerable.Repeat((byte)0x91, 8100), 1]),
            ],
            endStream: false);
        var reader = await client.AcceptAsync(StreamType.Lane);
        await reader.ReadVarIntAsync(default);
        var frame = await Eventually.Soon(reader.ReadAsync(default));
        Assert.Equal((FrameType.Response, 1u), (frame!.Value.Header.Type, frame.Value.Header.CallId));
    }

    [Fact]
    public async Task Lane_DuplicateCallId_ClosesTheConnectionAndLeavesNothing()
    {
        await using var fixture = await RpcFixture.StartAsync();
        await using var client = await RawClient.StartAsync(fixture);
        var lane = await client.OpenLaneAsync("tests.v1.Probe/Wait");
        var request = RawClient.Frame(FrameType.Request, [0x01], 7, 1);
        await lane.WriteAsync((byte[])[.. request, .. request], endStream: false);
        Assert.Equal(RpcErrorCode.ProtocolViolation, await client.ClosedAsync());
        await Eventually.True(() => fixture.Server.Connections == 0 && fixture.Server.CallsInFlight == 0 && fixture.Service.Running == 0);
    }

    [Fact]
    public async Task Lane_OneTerminalFrameForEachCall()
    {
        await using var fixture = await RpcFixture.StartAsync();
        await using var client = await RawClient.StartAsync(fixture);
        var lane = await client.OpenLaneAsync("tests.v1.Probe/Wait");
        var bytes = new List<byte>();
        for (uint i = 0; i < 500; i++)
        {
            bytes.AddRange(RawClient.Frame(FrameType.Request, [(byte)(i % 100)], i, 1));
            for (var repeat = 0; repeat < i % 3; repeat++)
            {
                bytes.AddRange(RawClient.Frame(FrameType.Cancel, callId: i));
            }
        }

        await lane.WriteAsync(bytes.ToArray(), endStream: false);
        await Eventually.True(() => fixture.Service.Started == 500);
        await Eventually.True(() => fixture.Server.CallsInFlight == 167);
        fixture.Service.Gate.SetResult(0);
        var reader = await client.AcceptAsync(StreamType.Lane);
        await reader.ReadVarIntAsync(default);
        var seen = new HashSet<uint>();
        while (seen.Count < 500)
        {
            var frame = (await Eventually.Soon(reader.ReadAsync(default)))!.Value;
            Assert.True(seen.Add(frame.Header.CallId));
            Assert.Equal(frame.Header.CallId % 3 == 0 ? FrameType.Response : FrameType.Fault, frame.Header.Type);
        }

        // A last call answers last: nothing else came before it.
        await lane.WriteAsync(RawClient.Frame(FrameType.Request, [1], 1000, 1), endStream: false);
        Assert.Equal(1000u, (await Eventually.Soon(reader.ReadAsync(default)))!.Value.Header.CallId);
    }

    [Fact]
    public async Task Lanes_MoreThanAllowed_CloseTheConnection()
    {
        await using var fixture = await RpcFixture.StartAsync();
        await using var client = await RawClient.StartAsync(fixture);
        await client.OpenAsync([1, 2]);
        Assert.Equal(RpcErrorCode.LimitExceeded, await client.ClosedAsync());
    }

    [Fact]
    public async Task Lane_IdUsedTwice_ClosesTheConnection()
    {
        await using var fixture = await RpcFixture.StartAsync();
        await using var client = await RawClient.StartAsync(fixture);
        await client.OpenAsync([1, 1]);
        await client.OpenAsync([1, 1]);
        Assert.Equal(RpcErrorCode.ProtocolViolation, await client.ClosedAsync());
    }

    [Fact]
    public async Task Lane_Ended_ClosesTheConnection()
    {
        await using var fixture = await RpcFixture.StartAsync();
        await using var client = await RawClient.StartAsync(fixture);
        var lane = await client.OpenLaneAsync();
        await lane.WriteAsync(RawClient.Frame(FrameType.Request, [], 1, 1).AsMemory(0, 9), endStream: true);
        Assert.Equal(RpcErrorCode.ProtocolViolation, await client.ClosedAsync());
    }

    public static TheoryData<string, byte[]> BadControlStreams => new()
    {
        { "not SETTINGS first", [0, .. RawClient.Frame(FrameType.GoAway)] },
        { "SETTINGS twice", [0, .. RawClient.Frame(FrameType.Settings, [0x80]), .. RawClient.Frame(FrameType.Settings, [0x80])] },
        { "SETTINGS that are no map", [0, .. RawClient.Frame(FrameType.Settings, [0xC0])] },
        { "a negative limit", [0, .. RawClient.Frame(FrameType.Settings, [0x81, 0x01, 0xFF])] },
        { "a limit beyond 32 bits", [0, .. RawClient.Frame(FrameType.Settings, [0x81, 0x01, 0xCF, 255, 255, 255, 255, 255, 255, 255, 255])] },
    };

    [Theory]
    [MemberData(nameof(BadControlStreams))]
    public async Task Control_Bad_ClosesTheConnection(string what, byte[] bytes)
    {
        await using var fixture = await RpcFixture.StartAsync();
        await using var client = await RawClient.ConnectAsync(fixture);
        await client.OpenAsync(bytes);
        Assert.True(await client.ClosedAsync() == RpcErrorCode.ProtocolViolation, what);
    }

    [Fact]
    public async Task Control_Oversize_ClosesTheConnection()
    {
        await using var fixture = await RpcFixture.StartAsync();
        await using var client = await RawClient.ConnectAsync(fixture);
        await client.OpenAsync([0, .. RawClient.Frame(FrameType.Settings, new byte[5000])]);
        Assert.Equal(RpcErrorCode.LimitExceeded, await client.ClosedAsync());
    }

    [Fact]
    public async Task Control_UnknownSettingsAndFrames_AreIgnored()
    {
        await using var fixture = await RpcFixture.StartAsync();
        await using var client = await RawClient.ConnectAsync(fixture);
        await client.OpenAsync([0, .. RawClient.Frame(FrameType.Settings, [0x81, 0x63, 0x93, 1, 2, 3]), .. RawClient.Frame((FrameType)0x55, [1])]);
        var lane = await client.OpenLaneAsync();
        await lane.WriteAsync(RawClient.Frame(FrameType.Request, [], 1, 1), endStream: false);
        var reader = await client.AcceptAsync(StreamType.Lane);
        await reader.ReadVarIntAsync(default);
        Assert.Equal(FrameType.Response, (await Eventually.Soon(reader.ReadAsync(default)))!.Value.Header.Type);
    }

    [Fact]
    public async Task UnknownStreamType_IsRefusedAndTheConnectionGoesOn()
    {
        await using var fixture = await RpcFixture.StartAsync();
        await using var client = await RawClient.StartAsync(fixture);
        var stream = await client.OpenAsync([0x3F]);
        await Assert.ThrowsAsync<TransportException>(() => Eventually.Soon(stream.WritesClosed));
        var lane = await client.OpenLaneAsync();
        await lane.WriteAsync(RawClient.Frame(FrameType.Request, [], 1, 1), endStream: false);
        await client.AcceptAsync(StreamType.Lane);
    }

    [Theory]
    [InlineData(new byte[] { 2 }, true)]
    [InlineData(new byte[] { 2, 20, 0, 0 }, true)]
    [InlineData(new byte[] { 0x40 }, true)]
    [InlineData(new byte[] { 1 }, false)]
    [InlineData(new byte[] { 0x80, 0 }, false)]
    public async Task Stream_ThatNeverSaysWhatItIs_IsAbortedAfterTheTimeLimit(byte[] bytes, bool bidirectional)
    {
        var time = new FakeTimeProvider();
        await using var fixture = await RpcFixture.StartAsync(time: time);
        await using var client = await RawClient.StartAsync(fixture);

        // Once a lane works the server knows the SETTINGS: the time limit of their stream is no matter any more.
        var lane = await client.OpenLaneAsync();
        await lane.WriteAsync(RawClient.Frame(FrameType.Request, [], 1, 1), endStream: false);
        await client.AcceptAsync(StreamType.Lane);
        var stream = await client.OpenAsync(bytes, bidirectional ? TransportStreamDirection.Bidirectional : TransportStreamDirection.Unidirectional);
        var seconds = 0;
        using var limit = new CancellationTokenSource(Eventually.Limit);
        for (; !stream.WritesClosed.IsCompleted; seconds++)
        {
            // The server may see the stream, and begin to count, after any of the steps.
            await fixture.Network.WaitForIdleAsync(limit.Token);
            time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.True(seconds >= 10, $"after {seconds} s");
        var thrown = await Assert.ThrowsAsync<TransportException>(() => stream.WritesClosed);
        Assert.Equal(RpcErrorCode.LimitExceeded, thrown.ApplicationErrorCode);
        if (bidirectional)
        {
            Assert.False(client.Connection.Closed.IsCompleted);
        }
        else
        {
            Assert.Equal(RpcErrorCode.LimitExceeded, await client.ClosedAsync());
        }
    }

    [Theory]
    [InlineData((byte)FrameType.Item, RpcErrorCode.ProtocolViolation)]
    [InlineData((byte)99, RpcErrorCode.ProtocolViolation)]
    public async Task CallStream_WithoutRequest_IsReset(byte type, long code)
    {
        await using var fixture = await RpcFixture.StartAsync();
        await using var client = await RawClient.StartAsync(fixture);
        var stream = await client.OpenAsync([2, .. RawClient.Frame((FrameType)type, [1])], TransportStreamDirection.Bidirectional);
        var thrown = await Assert.ThrowsAsync<TransportException>(() => Eventually.Soon(stream.ReadAsync(new byte[10])));
        Assert.Equal(code, thrown.ApplicationErrorCode);
        Assert.False(client.Connection.Closed.IsCompleted);
    }

    [Fact]
    public async Task CallStream_OversizeItem_FaultsTheCallAlone()
    {
        await using var fixture = await RpcFixture.StartAsync();
        await using var client = await RawClient.StartAsync(fixture);
        var extension = RawClient.Extension(new FrameExtension { Method = "tests.v1.Probe/Sum" });
        byte[] huge = [255, 255, 255, 127, (byte)FrameType.Item, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        var stream = await client.OpenAsync(
            [2, .. RawClient.Frame(FrameType.Request, [], extension: extension), .. huge], TransportStreamDirection.Bidirectional);
        var reader = new FrameReader(stream, 60_000, 1 << 20);
        var frame = (await Eventually.Soon(reader.ReadAsync(default)))!.Value;
        Assert.Equal((FrameType.Fault, (uint)RpcStatusCode.ResourceExhausted), (frame.Header.Type, frame.Header.Argument));
        await Eventually.True(() => fixture.Server.CallsInFlight == 0);
    }

    [Fact]
    public async Task CallStream_InvalidItem_IsInvalidArgument()
    {
        await using var fixture = await RpcFixture.StartAsync();
        await using var client = await RawClient.StartAsync(fixture);
        var extension = RawClient.Extension(new FrameExtension { Method = "tests.v1.Probe/Sum" });
        var stream = await client.OpenAsync(
            [2, .. RawClient.Frame(FrameType.Request, [], extension: extension), .. RawClient.Frame(FrameType.Item, [0xC1])],
            TransportStreamDirection.Bidirectional);
        var reader = new FrameReader(stream, 60_000, 1 << 20);
        var frame = (await Eventually.Soon(reader.ReadAsync(default)))!.Value;
        Assert.Equal((FrameType.Fault, (uint)RpcStatusCode.InvalidArgument), (frame.Header.Type, frame.Header.Argument));
    }

    [Fact]
    public async Task CallStream_EmptyItem_DoesNotEndTheStream()
    {
        await using var fixture = await RpcFixture.StartAsync();
        await using var client = await RawClient.StartAsync(fixture);
        var extension = RawClient.Extension(new FrameExtension { Method = "tests.v1.Probe/Sum" });
        var stream = await client.OpenAsync(
            [2, .. RawClient.Frame(FrameType.Request, [], extension: extension), .. RawClient.Frame(FrameType.Item, [])],
            TransportStreamDirection.Bidirectional);
        var reader = new FrameReader(stream, 60_000, 1 << 20);
        var frame = (await Eventually.Soon(reader.ReadAsync(default)))!.Value;
        Assert.Equal((FrameType.Fault, (uint)RpcStatusCode.InvalidArgument), (frame.Header.Type, frame.Header.Argument));
    }

    [Theory]
    [InlineData(long.MinValue)]
    [InlineData(-1)]
    [InlineData(0)]
    public async Task Lane_TimeoutInThePast_IsDeadlineExceeded(long timeout)
    {
        await using var fixture = await RpcFixture.StartAsync();
        await using var client = await RawClient.StartAsync(fixture);
        var lane = await client.OpenLaneAsync("tests.v1.Probe/Wait");
        var extension = RawClient.Extension(new FrameExtension { TimeoutMicroseconds = timeout });
        await lane.WriteAsync(RawClient.Frame(FrameType.Request, [1], 1, 1, extension), endStream: false);
        var reader = await client.AcceptAsync(StreamType.Lane);
        await reader.ReadVarIntAsync(default);
        var frame = (await Eventually.Soon(reader.ReadAsync(default)))!.Value;
        Assert.Equal((FrameType.Fault, (uint)RpcStatusCode.DeadlineExceeded), (frame.Header.Type, frame.Header.Argument));
    }

    [Fact]
    public async Task HugeTimeout_OnAStream_Runs()
    {
        await using var fixture = await RpcFixture.StartAsync();
        await using var client = await RawClient.StartAsync(fixture);
        var extension = RawClient.Extension(new FrameExtension { Method = "tests.v1.Probe/CountCalls", TimeoutMicroseconds = long.MaxValue });
        var stream = await client.OpenAsync(
            [2, .. RawClient.Frame(FrameType.Request, [], extension: extension, flags: FrameFlags.EndOfInput)], TransportStreamDirection.Bidirectional);
        var reader = new FrameReader(stream, 60_000, 1 << 20);
        Assert.Equal(FrameType.Response, (await Eventually.Soon(reader.ReadAsync(default)))!.Value.Header.Type);
    }

    [Fact]
    public async Task ClientThatNeverReads_IsNotReadFrom()
    {
        await using var fixture = await RpcFixture.StartAsync();
        await using var client = await RawClient.StartAsync(fixture);
        var lane = await client.OpenLaneAsync("tests.v1.Probe/Echo");
        var text = new string('x', 8000);
        byte[] request = [0xDA, 8000 >> 8, 8000 & 255, .. System.Text.Encoding.ASCII.GetBytes(text)];
        using var source = new CancellationTokenSource();
        long sent = 0;
        var sending = Task.Run(async () =>
        {
            for (uint id = 0; ; id++)
            {
                await lane.WriteAsync(RawClient.Frame(FrameType.Request, request, id, 1), endStream: false, source.Token);
                Interlocked.Add(ref sent, request.Length + FrameHeader.Size);
            }
        });

        // More than the transport holds by itself: the server has read, and answered.
        await Eventually.True(() => Interlocked.Read(ref sent) > 3 << 19);
        await fixture.Network.WaitForIdleAsync();
        var stalledAt = Interlocked.Read(ref sent);

        // Both windows (1 MiB each), the lane's queue (1 MiB), the calls dispatched at once (8 MiB), the buffers, and what was
        // refused meanwhile, whose answers are small.
        Assert.InRange(stalledAt, 3 << 19, 32 << 20);

        // It was the answers that held it up: once they are taken, it reads on.
        var reader = await client.AcceptAsync(StreamType.Lane);
        await reader.ReadVarIntAsync(default);
        while (Interlocked.Read(ref sent) < stalledAt + (8 << 20))
        {
            Assert.NotNull(await Eventually.Soon(reader.ReadAsync(default)));
        }

        source.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sending);
    }

    [Fact]
    public async Task ViolationsInAMass_AreLoggedWithRateLimit()
    {
        var time = new FakeTimeProvider();
        var log = new LogRecorder();
        await using var fixture = await RpcFixture.StartAsync(time: time, loggers: log);
        for (var i = 0; i < 20; i++)
        {
            await using var client = await RawClient.ConnectAsync(fixture);
            await client.OpenAsync([0, .. RawClient.Frame(FrameType.GoAway)]);
            await client.ClosedAsync();
        }

        Assert.Single(log.Entries, e => e.EventId == 1103);
        await Eventually.True(() => fixture.Server.Connections == 0);
        time.Advance(TimeSpan.FromSeconds(1));
        await using var last = await RawClient.ConnectAsync(fixture);
        await last.OpenAsync([0, .. RawClient.Frame(FrameType.GoAway)]);
        await last.ClosedAsync();
        Assert.Contains("19 such messages", log.Entries.Last(e => e.EventId == 1103).Text);
    }
}
