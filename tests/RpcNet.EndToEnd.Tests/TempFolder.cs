namespace RpcNet.EndToEnd.Tests;

/// <summary>A folder that goes with its test.</summary>
internal sealed class TempFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("rpcnet-e2e-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
