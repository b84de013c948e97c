using RpcNet.Core.Tests.Support;

namespace RpcNet.Core.Tests.Calls;

public sealed class FourKindsTests
{
    [Fact]
    public async Task Unary_SeveralArguments_ReturnsResult()
    {
        await using var fixture = await RpcFixture.StartAsync();
        Assert.Equal(5, await Eventually.Soon(fixture.Client.AddAsync(2, 3)));
        Assert.Equal("hé", await Eventually.Soon(fixture.Client.EchoAsync("hé")));
    }

    [Fact]
    public async Task Unary_NoArgumentsOrNoResult_Runs()
    {
        await using var fixture = await RpcFixture.StartAsync();
        await Eventually.Soon(fixture.Client.TouchAsync());
        Assert.Equal(2, await Eventually.Soon(fixture.Client.CountCallsAsync()));
    }

    [Fact]
    public async Task Unary_ManyAtOnce_EachGetsItsOwnAnswer()
    {
        await using var fixture = await RpcFixture.StartAsync();
        var calls = Enumerable.Range(0, 5000).Select(i => fixture.Client.AddAsync(i, 1).AsTask()).ToArray();
        var sums = await Eventually.Soon(Task.WhenAll(calls));
        Assert.Equal(Enumerable.Range(1, 5000), sums);
    }

    [Fact]
    public async Task ServerStreaming_YieldsEveryItemInOrder()
    {
        await using var fixture = await RpcFixture.StartAsync();
        Assert.Equal(Enumerable.Range(10, 20_000), await Eventually.All(fixture.Client.RangeAsync(10, 20_000)));
    }

    [Fact]
    public async Task ServerStreaming_NoItems_Ends()
    {
        await using var fixture = await RpcFixture.StartAsync();
        Assert.Empty(await Eventually.All(fixture.Client.RangeAsync(0, 0)));
    }

    [Fact]
    public async Task ClientStreaming_SendsEveryItem()
    {
        await using var fixture = await RpcFixture.StartAsync();
        var sum = await Eventually.Soon(fixture.Client.SumAsync(Enumerable.Range(0, 20_000).ToAsyncEnumerable()));
        Assert.Equal(199_990_000, sum);
        Assert.Equal(Enumerable.Range(0, 20_000), fixture.Service.Received);
    }

    [Fact]
    public async Task Bidirectional_AnswersWhileInputGoesOn()
    {
        await using var fixture = await RpcFixture.StartAsync();
        var input = System.Threading.Channels.Channel.CreateUnbounded<int>();
        var answers = fixture.Client.ScaleAsync(3, input.Reader.ReadAllAsync()).GetAsyncEnumerator();
        for (var i = 0; i < 100; i++)
        {
            input.Writer.TryWrite(i);
            Assert.True(await Eventually.Soon(answers.MoveNextAsync()));
            Assert.Equal(3 * i, answers.Current);
        }

        input.Writer.Complete();
        Assert.False(await Eventually.Soon(answers.MoveNextAsync()));
        await answers.DisposeAsync();
    }

    [Theory]
    [InlineData(100, 100)]
    [InlineData(100, 100_000)]
    [InlineData(100_000, 100)]
    [InlineData(2_000_000, 3_000_000)]
    [InlineData(16_000, 16_370)]
    [InlineData(16_384, 16_384)]
    public async Task Unary_AnySize_MovesBetweenLaneAndStream(int requestSize, int responseSize)
    {
        await using var fixture = await RpcFixture.StartAsync();
        for (var i = 0; i < 3; i++)
        {
            var answer = await Eventually.Soon(fixture.Client.ResizeAsync(new Payload(new byte[requestSize]), responseSize));
            Assert.Equal($"{requestSize}", answer.Note);
            Assert.Equal(responseSize, answer.Data.Length);
            Assert.Equal((byte)((responseSize - 1) * 31), answer.Data[^1]);
        }

        await Eventually.True(() => fixture.Channel.CallsInFlight == 0 && fixture.Server.CallsInFlight == 0);
    }

    [Fact]
    public async Task Unary_MemoryInMessage_DoesNotAliasTheReceiveBuffer()
    {
        await using var fixture = await RpcFixture.StartAsync();
        var calls = Enumerable.Range(0, 500)
            .Select(i => fixture.Client.BorrowAsync(new Borrower(Enumerable.Repeat((byte)i, 1000).ToArray())).AsTask());
        var answers = await Eventually.Soon(Task.WhenAll(calls));
        await Eventually.Soon(fixture.Client.ResizeAsync(new Payload(new byte[10_000]), 10_000));
        for (var i = 0; i < answers.Length; i++)
        {
            Assert.All(answers[i].Data.ToArray(), b => Assert.Equal((byte)i, b));
        }
    }

    [Fact]
    public async Task AllKinds_Concurrently_LeaveNothingInFlight()
    {
        await using var fixture = await RpcFixture.StartAsync();
        var client = fixture.Client;
        await Eventually.Soon(Task.WhenAll(Enumerable.Range(0, 50).Select(i => Task.Run(async () =>
        {
            Assert.Equal(i + 1, await client.AddAsync(i, 1));
            Assert.Equal(Enumerable.Range(i, 100), await Eventually.All(client.RangeAsync(i, 100)));
            Assert.Equal(4950, await client.SumAsync(Enumerable.Range(0, 100).ToAsyncEnumerable()));
            Assert.Equal([i, 2 * i], await Eventually.All(client.ScaleAsync(i, new[] { 1, 2 }.ToAsyncEnumerable())));
        }))));
        await Eventually.True(() => fixture.Channel.CallsInFlight == 0 && fixture.Server.CallsInFlight == 0);
        Assert.Equal(0, fixture.Service.Running);
    }
}
