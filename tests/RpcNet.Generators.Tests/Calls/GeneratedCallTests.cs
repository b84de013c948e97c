using System.Buffers;

namespace RpcNet.Generators.Tests.Calls;

public sealed class GeneratedCallTests
{
    private readonly Everything _service = new();
    private readonly LoopbackInvoker<IEverything> _invoker;
    private readonly IEverything _client;

    public GeneratedCallTests()
    {
        _invoker = new LoopbackInvoker<IEverything>(_service);
        _client = RpcContracts.Get<IEverything>().CreateClient(_invoker);
    }

    [Fact]
    public async Task Unary_OneArgument_TravelsAsItself()
    {
        Assert.Equal(new Sum(43, "x"), await _client.OneAsync(new Sum(42, "x")));
        Assert.Same(EverythingContract.OneMethod, _invoker.Calls.Single().Method);
    }

    [Fact]
    public async Task Unary_NoArgumentNoResult_Completes()
    {
        await _client.NothingAsync();
        Assert.Equal(["Nothing"], _service.Seen);
    }

    [Fact]
    public async Task Unary_ResultlessHandlerFails_CallerSeesTheFailure()
    {
        _service.Failure = new InvalidOperationException("no");
        await Assert.ThrowsAsync<InvalidOperationException>(() => _client.NothingAsync().AsTask());
        await Assert.ThrowsAsync<InvalidOperationException>(() => _client.TaskAsync(1));
    }

    [Fact]
    public async Task Unary_TaskWithKeywordParameter_Completes()
    {
        await _client.TaskAsync(@class: 5);
        Assert.Equal(["Task 5"], _service.Seen);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("a")]
    public async Task Unary_NullableArgumentAndResult_Travel(string? text) =>
        Assert.Equal(text, await _client.MaybeAsync(text));

    [Fact]
    public async Task Unary_SeveralArguments_TravelInOrder()
    {
        Assert.Equal(9, await _client.AddAsync(2));
        Assert.Equal(["Add 2 7 Loud"], _service.Seen);
        Assert.Equal(8, await new EverythingClient(_invoker).AddAsync(1));
    }

    [Fact]
    public async Task Unary_EightArguments_TravelAsNestedTuple()
    {
        var result = await _client.ManyAsync(
            1, "b", [3, 4], new() { ["k"] = new Sum(5), ["n"] = null }, (6, null), [7, 8], 9);
        Assert.Equal([1, 1, 2, 2, 6, 2, 9, -1], result);
    }

    [Fact]
    public async Task ServerStreaming_Items_ArriveInOrder()
    {
        Assert.Equal([0, 1, 2], await _client.CountAsync(3).ToListAsync());
        Assert.Equal(["tick"], await _client.TicksAsync().ToListAsync());
    }

    [Fact]
    public async Task ClientStreaming_Items_ReachTheHandler()
    {
        Assert.Equal(6, await _client.TotalAsync(new[] { 1, 2, 3 }.ToAsyncEnumerable()));
        await _client.UploadAsync("file", new[] { new Sum(1), new Sum(2) }.ToAsyncEnumerable(), 4);
        Assert.Equal(["Upload file 4 2"], _service.Seen);
    }

    [Fact]
    public async Task Bidirectional_Items_TravelBothWays()
    {
        var chat = _client.ChatAsync(new[] { "a", "bb" }.ToAsyncEnumerable());
        Assert.Equal([new Sum(1, "a"), new Sum(2, "bb")], await chat.ToListAsync());
        Assert.Equal([13, 23], await _client.ScaleAsync(10, new[] { 1, 2 }.ToAsyncEnumerable(), 3).ToListAsync());
    }

    [Fact]
    public async Task Client_TokenAndOptions_ReachTheInvoker()
    {
        using var source = new CancellationTokenSource();
        var options = new RpcCallOptions { WaitForReady = true };
        await _client.WithCallOptions(options).NothingAsync(source.Token);
        await new EverythingClient(_invoker, options).WithTimeout(TimeSpan.FromSeconds(3)).NothingAsync();
        Assert.Equal(source.Token, _invoker.Calls[0].Token);
        Assert.Same(options, _invoker.Calls[0].Options);
        Assert.Equal(options with { Timeout = TimeSpan.FromSeconds(3) }, _invoker.Calls[1].Options);
    }

    [Fact]
    public void Contract_Descriptors_CarryTheAttribute()
    {
        var plus = EverythingContract.AddMethod;
        Assert.Equal("tests.v1.Everything/Plus", plus.FullName);
        Assert.True(plus.Idempotent);
        Assert.Equal(TimeSpan.FromMilliseconds(1500), plus.Timeout);
        Assert.True(plus.Replayable);
        Assert.False(EverythingContract.OneMethod.Idempotent);
        Assert.False(EverythingContract.OneMethod.Replayable);
        Assert.Null(EverythingContract.OneMethod.Timeout);
    }

    [Fact]
    public void Contract_Methods_AreInOrderAndAllBound()
    {
        var contract = RpcContracts.Get<IEverything>();
        Assert.Equal(
            ["One", "Nothing", "Task", "Maybe", "Plus", "Many", "Count", "Ticks", "Total", "Upload", "Chat", "Scale"],
            contract.Methods.Select(m => m.Name));
        Assert.Equal(contract.Methods, _invoker.Bound);
        Assert.Equal("tests.v1.Everything", contract.ServiceName);
    }

    [Fact]
    public async Task Base_MethodNotOverridden_IsUnimplemented()
    {
        var client = new EverythingClient(new LoopbackInvoker<IEverything>(new OnlyOne()));
        Assert.Equal(new Sum(1), await client.OneAsync(new Sum(1)));
        var fault = await Assert.ThrowsAsync<RpcFaultException>(() => client.AddAsync(1).AsTask());
        Assert.Equal(RpcStatusCode.Unimplemented, fault.Status);
        Assert.Contains("tests.v1.Everything/Plus", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Contract_WithBaseInterface_HasItsMethods()
    {
        var client = new DerivedClient(new LoopbackInvoker<IDerived>(new Derived()));
        Assert.Equal(3, await client.PingAsync(2));
        Assert.Equal(1, await client.OwnAsync());
        Assert.Equal("tests.v1.Derived/Ping", DerivedContract.PingMethod.FullName);
    }

    [Fact]
    public void Arguments_MoreThanKnown_AreIgnored()
    {
        var serializer = new TestSerializer();
        var writer = new ArrayBufferWriter<byte>();
        EverythingLaterContract.AddMethod.Request.Write(serializer, writer, (1, 2, Tone.Loud, "new"));
        Assert.Equal((1, 2, Tone.Loud), EverythingContract.AddMethod.Request.Read(serializer, writer.WrittenMemory));
    }

    [Fact]
    public void Arguments_FewerThanExpectedOrTrailingBytes_AreRefused()
    {
        var serializer = new TestSerializer();
        var writer = new ArrayBufferWriter<byte>();
        EverythingContract.AddMethod.Request.Write(serializer, writer, (1, 2, Tone.Loud));
        Assert.Throws<RpcSerializationException>(
            () => EverythingLaterContract.AddMethod.Request.Read(serializer, writer.WrittenMemory));
        writer.Write<byte>([0]);
        Assert.Throws<RpcSerializationException>(
            () => EverythingContract.AddMethod.Request.Read(serializer, writer.WrittenMemory));
    }

    private sealed class Everything : IEverything
    {
        public List<string> Seen { get; } = [];

        public Exception? Failure { get; set; }

        public ValueTask<Sum> OneAsync(Sum request, CancellationToken cancellationToken) =>
            new(request with { Value = request.Value + 1 });

        public ValueTask NothingAsync(CancellationToken cancellationToken) => See("Nothing");

        public async Task TaskAsync(int @class, CancellationToken cancellationToken)
        {
            await Task.Yield();
            await See($"Task {@class}");
        }

        public Task<string?> MaybeAsync(string? text, CancellationToken cancellationToken) => Task.FromResult(text);

        public ValueTask<int> AddAsync(int a, int b, Tone tone, CancellationToken cancellationToken)
        {
            Seen.Add($"Add {a} {b} {tone}");
            return new(a + b);
        }

        public ValueTask<List<int>> ManyAsync(
            int a, string b, List<int> c, Dictionary<string, Sum?> d, (int X, string? Y) e, byte[] f, long? g, double h) =>
            new([a, b.Length, c.Count, d.Count, e.X, f.Length, (int)g!.Value, double.IsNaN(h) ? -1 : 0]);

        public IAsyncEnumerable<int> CountAsync(int to, CancellationToken cancellationToken) =>
            Enumerable.Range(0, to).ToAsyncEnumerable();

        public IAsyncEnumerable<string> TicksAsync() => new[] { "tick" }.ToAsyncEnumerable();

        public ValueTask<int> TotalAsync(IAsyncEnumerable<int> items, CancellationToken cancellationToken) =>
            items.SumAsync(cancellationToken);

        public async Task UploadAsync(
            string name, IAsyncEnumerable<Sum> rows, int version, CancellationToken cancellationToken) =>
            Seen.Add($"Upload {name} {version} {await rows.CountAsync(cancellationToken)}");

        public IAsyncEnumerable<Sum> ChatAsync(IAsyncEnumerable<string> input, CancellationToken cancellationToken) =>
            input.Select(text => new Sum(text.Length, text));

        public IAsyncEnumerable<int> ScaleAsync(int factor, IAsyncEnumerable<int> input, int offset) =>
            input.Select(i => (factor * i) + offset);

        private ValueTask See(string what)
        {
            Seen.Add(what);
            return Failure is null ? default : ValueTask.FromException(Failure);
        }
    }

    private sealed class OnlyOne : EverythingBase
    {
        public override ValueTask<Sum> OneAsync(Sum request, CancellationToken cancellationToken = default) => new(request);
    }

    private sealed class Derived : DerivedBase
    {
        public override ValueTask<int> PingAsync(int value, CancellationToken cancellationToken = default) => new(value + 1);

        public override ValueTask<int> OwnAsync(CancellationToken cancellationToken = default) => new(1);
    }
}
