using System.Collections.Immutable;
using System.Composition;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeActions;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Editing;
using Microsoft.CodeAnalysis.Simplification;

namespace RpcNet.Generators.CodeFixes;

/// <summary>RPCNET001: adds <c>CancellationToken cancellationToken = default</c>.</summary>
[ExportCodeFixProvider(LanguageNames.CSharp), Shared]
public sealed class CancellationTokenFix : CodeFixProvider
{
    /// <inheritdoc/>
    public override ImmutableArray<string> FixableDiagnosticIds => ["RPCNET001"];

    /// <inheritdoc/>
    public override FixAllProvider GetFixAllProvider() => WellKnownFixAllProviders.BatchFixer;

    /// <inheritdoc/>
    public override async Task RegisterCodeFixesAsync(CodeFixContext context)
    {
        var root = await context.Document.GetSyntaxRootAsync(context.CancellationToken).ConfigureAwait(false);
        var method = root?.FindNode(context.Span).FirstAncestorOrSelf<MethodDeclarationSyntax>();

        // Nothing can follow a params parameter.
        if (method is null || method.ParameterList.Parameters.Any(p => p.Modifiers.Any(SyntaxKind.ParamsKeyword)))
        {
            return;
        }

        context.RegisterCodeFix(
            CodeAction.Create(
                "Add a CancellationToken parameter",
                token => AddAsync(context.Document, method, token),
                nameof(CancellationTokenFix)),
            context.Diagnostics);
    }

    private static async Task<Document> AddAsync(
        Document document, MethodDeclarationSyntax method, CancellationToken cancellationToken)
    {
        var editor = await DocumentEditor.CreateAsync(document, cancellationToken).ConfigureAwait(false);
        var type = editor.SemanticModel.Compilation.GetTypeByMetadataName("System.Threading.CancellationToken");
        if (type is not null)
        {
            var generator = editor.Generator;
            editor.AddParameter(method, generator.ParameterDeclaration(
                "cancellationToken",
                generator.TypeExpression(type, addImport: true).WithAdditionalAnnotations(Simplifier.AddImportsAnnotation),
                SyntaxFactory.LiteralExpression(SyntaxKind.DefaultLiteralExpression)));
        }

        return await ImportAdder.AddImportsAsync(
            editor.GetChangedDocument(), Simplifier.AddImportsAnnotation, cancellationToken: cancellationToken)
            .ConfigureAwait(false);
    }
}
