using System.Diagnostics;

namespace RpcNet.EndToEnd.Tests;

public sealed class AotTests
{
    /// <summary>A natively compiled server and client make the four kinds of call, and nothing warns of trimming or AOT.</summary>
    [Fact]
    public async Task ClientAndServer_PublishedWithAot_PassTheFourKindsWithoutWarnings()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("RPCNET_TESTS") == "all", "set RPCNET_TESTS=all: it compiles for minutes");
        Engine.Require();
        using var process = Process.Start(new ProcessStartInfo(Path.Combine(Repository.Root, "eng", "aot-check.sh"))
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 0, output + await errors);
        Assert.EndsWith("aot-check: passed", output.TrimEnd());
    }
}
