using RpcNet.Core.Tests.Support;

namespace RpcNet.Core.Tests.Flaws;

/// <summary>The Rust crate's errors are texts. Here a status says what happened, and the text is for people.</summary>
public sealed class StringlyErrorsTests
{
    public static TheoryData<RpcStatusCode> Statuses => [.. Enum.GetValues<RpcStatusCode>().Where(static s => s != RpcStatusCode.Ok)];

    [Theory]
    [MemberData(nameof(Statuses))]
    public async Task Status_ArrivesAsItWasThrown_WhateverTheTextSays(RpcStatusCode status)
    {
        await using var fixture = await RpcFixture.StartAsync();
        const string Misleading = "timeout: connection refused, not found, cancelled";
        var fault = await Eventually.Fault(fixture.Client.FailAsync((int)status, Misleading, [1, 2, 3]));
        Assert.Equal((status, Misleading, true), (fault.Status, fault.Message, fault.MayHaveExecuted));
        Assert.Equal([1, 2, 3], fault.Details.ToArray());
    }

    [Fact]
    public async Task UnforeseenException_IsInternal_AndItsTextStaysHome()
    {
        await using var fixture = await RpcFixture.StartAsync();
        var fault = await Eventually.Fault(fixture.Client.ThrowAsync("password=hunter2"));
        Assert.Equal(RpcStatusCode.Internal, fault.Status);
        Assert.DoesNotContain("hunter2", fault.Message);
    }
}
