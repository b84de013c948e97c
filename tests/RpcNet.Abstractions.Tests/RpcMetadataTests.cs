namespace RpcNet.Abstractions.Tests;

public sealed class RpcMetadataTests
{
    [Fact]
    public void Add_RepeatedKeys_KeepsOrder()
    {
        var metadata = new RpcMetadata();
        metadata.Add("b", "1");
        metadata.Add("a", "2");
        metadata.Add("b", "3");
        Assert.Equal(["b=1", "a=2", "b=3"], metadata.Select(e => $"{e.Key}={e.Value}"));
        Assert.Equal("1", metadata["b"]);
        Assert.Null(metadata["c"]);
    }

    [Theory]
    [InlineData("Upper")]
    [InlineData("with space")]
    [InlineData("ümlaut")]
    [InlineData("text-bin")]
    public void Add_MalformedTextKey_Throws(string key) =>
        Assert.Throws<ArgumentException>(() => new RpcMetadata().Add(key, "value"));

    [Fact]
    public void Add_BinaryWithoutItsSuffix_Throws() =>
        Assert.Throws<ArgumentException>(() => new RpcMetadata().Add("key", new byte[] { 1 }));

    [Fact]
    public void Empty_CannotBeChanged() =>
        Assert.Throws<InvalidOperationException>(() => RpcMetadata.Empty.Add("a", "b"));

    [Fact]
    public void GetByteCount_CountsUtf8AndEntries()
    {
        var metadata = new RpcMetadata();
        metadata.Add("ab", "é");
        metadata.Add("c-bin", new byte[3]);
        Assert.Equal(2 + 2 + 8 + 5 + 3 + 8, metadata.GetByteCount());
    }
}
