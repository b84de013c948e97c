namespace RpcNet.EndToEnd.Tests;

/// <summary>The sample logs through Serilog, as its configuration says.</summary>
public sealed class LoggingTests
{
    [Fact]
    public async Task Serilog_ConfiguredByTheEnvironment_LogsInThatFormatAndDetail()
    {
        Engine.Require();
        using var folder = new TempFolder();
        await using var director = SampleProcess.Start(
            "director",
            folder.Path,
            ("DIRECTOR_ADDR", $"127.0.0.1:{Repository.FreePort()}"),
            ("Serilog__MinimumLevel__Override__RpcNet", "Information"),
            ("Serilog__WriteTo__0__Args__outputTemplate", "<{Level}|{SourceContext}> {Message:lj}{NewLine}"));
        await director.ExpectAsync("<Information|RpcNet.Hosting> RpcNet listens on 127.0.0.1:");
    }
}
